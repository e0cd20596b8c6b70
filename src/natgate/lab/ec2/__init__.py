"""The cloud of a lab: an endpoint like EC2's whose route tables are the lab's own.

moto answers; in front of it stand rules where it is more lenient than AWS, and behind it the kernel.
"""
