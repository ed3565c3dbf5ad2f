/** Launch an instance on EC2 with a payload and a public address, and end it.
 *
 *     AWS_REGION=eu-west-1 npx tsx examples/ec2.ts ami-0abcdef0123456789
 *
 * AWS_ENDPOINT_URL_EC2 names another endpoint, an emulator's for instance.
 */
import { Payload } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";

const [image = ""] = process.argv.slice(2);
const { AWS_REGION: region = "us-east-1", AWS_ENDPOINT_URL_EC2: endpoint } = process.env;
await using iaas = new Ec2Iaas({ owner: "examples/ec2", region, endpoint });

const payload = Payload.environment({ HOST_NAME: "app.example.org" }).and(
  Payload.script("#!/bin/sh\necho hello from $HOST_NAME >/var/tmp/hello\n"),
);
const key = "example-1"; // launching again with it gives the same instance
try {
  const instance = await iaas.launch({
    key,
    image,
    size: "t3.micro",
    ports: [{ port: 22 }],
    payload,
    floatingIp: true,
  });
  console.log(`${instance.id} is ${instance.state} at ${instance.addresses.public.join(", ")}`);
} finally {
  await iaas.terminate({ key });
}
console.log("ended, and its address and security group with it");
