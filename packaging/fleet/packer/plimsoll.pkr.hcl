# An image with plimsoll-agent, enabled, that starts as soon as it has a configuration:
#   packer init . && packer build -var package=plimsoll-agent.rpm -var sha256=... .

variable "package" {
  type        = string
  description = "The deb or rpm, a file of this machine."
}

variable "sha256" {
  type        = string
  description = "The SHA-256 of the package, in hexadecimal."
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "instance_type" {
  type    = string
  default = "t3.small"
}

variable "source_image" {
  type        = string
  description = "The name of the image to begin with; of those that fit, the newest."
  default     = "al2023-ami-2023.*-x86_64"
}

variable "source_owner" {
  type    = string
  default = "amazon"
}

variable "ssh_username" {
  type    = string
  default = "ec2-user"
}

locals {
  uploaded = "/tmp/${basename(var.package)}"
}

source "amazon-ebs" "plimsoll" {
  ami_name      = "plimsoll-agent-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  region        = var.region
  instance_type = var.instance_type
  ssh_username  = var.ssh_username
  encrypt_boot  = true

  source_ami_filter {
    filters = {
      name                = var.source_image
      virtualization-type = "hvm"
      root-device-type    = "ebs"
    }
    owners      = [var.source_owner]
    most_recent = true
  }
}

build {
  sources = ["source.amazon-ebs.plimsoll"]

  provisioner "file" {
    source      = var.package
    destination = local.uploaded
  }

  provisioner "shell" {
    script          = "${path.root}/../plimsoll-fleet"
    execute_command = "chmod +x {{ .Path }} && sudo {{ .Path }} install file://${local.uploaded} ${var.sha256}"
  }

  # Nothing of this machine goes into the image: positions, identity, what it had not sent.
  provisioner "shell" {
    inline = [
      "rm ${local.uploaded}",
      "sudo systemctl stop plimsoll-agent",
      "sudo plimsoll-agent seal",
    ]
  }
}
