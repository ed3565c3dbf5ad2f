"""A life cycle on an EC2 endpoint by clients of other people: boto3, then Apache Libcloud. Prints what each has seen.

usage: life_cycle.py ENDPOINT REGION IMAGE SIZE
"""
import json
import sys
from urllib.parse import urlparse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from libcloud.compute.drivers.ec2 import EC2NodeDriver

endpoint, region, image, size = sys.argv[1:5]
keys = {"aws_access_key_id": "AKIASIMULATED", "aws_secret_access_key": "simulated"}


def with_boto3():
    config = Config(retries={"max_attempts": 1})
    ec2 = boto3.client("ec2", endpoint_url=endpoint, region_name=region, config=config, **keys)
    quick = {"Delay": 1, "MaxAttempts": 30}

    def launch(token):
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "boto3"}]}]
        return ec2.run_instances(
            ImageId=image, InstanceType=size, MinCount=1, MaxCount=1, ClientToken=token, UserData="#!/bin/sh\n",
            TagSpecifications=tags,
        )["Instances"][0]

    first = launch("token-1")
    again = launch("token-1")
    instance = first["InstanceId"]
    ec2.get_waiter("instance_exists").wait(InstanceIds=[instance], WaiterConfig=quick)
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=quick)
    by_tag = ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "tag:Name", "Values": ["bo*"]}])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=address, InstanceId=instance)["AssociationId"]
    group = ec2.create_security_group(GroupName="boto3", Description="of boto3")["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    zone = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Placement"]
    volume = ec2.create_volume(AvailabilityZone=zone["AvailabilityZone"], Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=quick)
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig=quick)
    seen = {
        "token": first["InstanceId"] == again["InstanceId"],
        "tagged": sum(len(r["Instances"]) for page in by_tag for r in page["Reservations"]),
        "rules": ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"][0]["FromPort"],
        "userData": ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")["UserData"]["Value"],
    }
    try:
        ec2.run_instances(ImageId="ami-00000000000000000", InstanceType=size, MinCount=1, MaxCount=1)
    except ClientError as error:
        seen["error"] = error.response["Error"]["Code"]
    ec2.detach_volume(VolumeId=volume)
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig=quick)
    ec2.delete_volume(VolumeId=volume)
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address)
    ec2.delete_security_group(GroupId=group)
    ec2.terminate_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig=quick)
    return seen


def with_libcloud():
    url = urlparse(endpoint)
    driver = EC2NodeDriver(
        "AKIASIMULATED", "simulated", secure=False, host=url.hostname, port=url.port, region=region,
        signature_version="4",
    )
    sizes = [one for one in driver.list_sizes() if one.id == "t3.micro"]
    chosen = driver.get_image(image)
    node = driver.create_node(name="libcloud", image=chosen, size=sizes[0])
    [(running, _)] = driver.wait_until_running([node], wait_period=0.5, timeout=30)
    found = [one.name for one in driver.list_nodes() if one.id == node.id]
    driver.reboot_node(running)
    driver.destroy_node(running)
    states = {one.id: one.state for one in driver.list_nodes()}
    return {"name": found, "ended": states.get(node.id) in ("terminated", "pending", "unknown", "shutting-down")}


print(json.dumps({"boto3": with_boto3(), "libcloud": with_libcloud()}))
