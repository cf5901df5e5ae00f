# Packer 1.7 and newer fetch the builder for EC2 by `packer init`; older ones have it built in and do
# not know this block.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8, < 2.0.0"
    }
  }
}
