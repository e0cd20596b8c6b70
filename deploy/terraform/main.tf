# A stack of the template that `natgate aws template` wrote, with typed variables.
# Why a stack and not resources: docs/decisions/2026-11-27-terraform.md.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  template = jsondecode(file(var.template_file))

  given = merge(
    { VpcId = var.vpc_id, Bucket = var.bucket, KeyPrefix = var.key_prefix, Bundle = var.bundle },
    { for zone, id in var.node_subnets : "NodeSubnet${zone}" => id },
    { for table, id in var.route_tables : "Table${table}" => id },
    { NodeRouteTables = join(",", var.node_route_tables) },
    { CreateEndpoints = tostring(var.create_endpoints) },
    { CreateFixedSubnets = tostring(var.create_fixed_subnets) },
    { LogRetentionDays = tostring(var.log_retention_days) },
    { for name, value in var.parameters : name => value },
  )

  missing = [
    for name, parameter in local.template.Parameters : name
    if !can(parameter.Default) && !contains(keys(local.given), name)
  ]
  unknown = setsubtract(keys(local.given), keys(local.template.Parameters))
}

resource "aws_cloudformation_stack" "natgate" {
  name          = var.name
  template_body = file(var.template_file)
  parameters    = local.given
  capabilities  = ["CAPABILITY_IAM"]

  lifecycle {
    precondition {
      condition     = length(local.missing) == 0
      error_message = "The template needs as well: ${join(", ", local.missing)}."
    }
    precondition {
      condition     = length(local.unknown) == 0
      error_message = "The template has no parameter ${join(", ", local.unknown)}."
    }
  }
}
