"""The lab's EC2 endpoint, asked by boto3 over loopback."""
