output "stack" {
  description = "Id of the stack."
  value       = aws_cloudformation_stack.natgate.id
}

output "outputs" {
  description = "What the template gives: AutoScalingGroup, NodeSecurityGroup, RefereeLogGroup."
  value       = aws_cloudformation_stack.natgate.outputs
}
