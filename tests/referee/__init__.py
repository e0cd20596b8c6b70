"""The referee of a group in AWS, against an account in memory and against moto."""
