variable "name" {
  description = "Name of the stack, such as natgate-closed-network."
  type        = string
}

variable "template_file" {
  description = "What `natgate aws template --output` wrote."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The id of a VPC begins with vpc-."
  }
}

variable "node_subnets" {
  description = "Subnet of the node in each zone, by what follows NodeSubnet in the template: { A = \"subnet-...\" }."
  type        = map(string)
}

variable "route_tables" {
  description = "Route tables by what follows Table in the template: { Edge = \"rtb-...\" }; those with an id in the spec may be left out."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for id in values(var.route_tables) : startswith(id, "rtb-")])
    error_message = "The id of a route table begins with rtb-."
  }
}

variable "node_route_tables" {
  description = "Route tables of the node subnets, for the endpoint of S3."
  type        = list(string)
  default     = []
}

variable "bucket" {
  description = "The bucket with the bundle."
  type        = string
}

variable "key_prefix" {
  description = "Where in the bucket."
  type        = string
  default     = "natgate"
}

variable "bundle" {
  description = "What `natgate aws bundle` printed."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.bundle))
    error_message = "A bundle is named by 64 hexadecimal digits."
  }
}

variable "create_endpoints" {
  description = "Whether to make endpoints of the APIs in the node subnets."
  type        = bool
  default     = true
}

variable "create_fixed_subnets" {
  description = "Whether to make the subnets of the fixed addresses."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long the referee's log is kept."
  type        = number
  default     = 30
}

variable "parameters" {
  description = "Any other parameter of the template, such as { InstanceType = \"c7i.xlarge\" }."
  type        = map(string)
  default     = {}
}
