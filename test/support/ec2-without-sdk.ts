/** Prints the error that an Ec2Iaas gives, twice, where AWS' SDK is not installed. Run as a process. */
import { register } from "node:module";

const hook = `
  export async function resolve(name, context, next) {
    if (!name.startsWith("@aws-sdk/")) return await next(name, context);
    const error = new Error("Cannot find package '" + name + "' imported from " + context.parentURL);
    throw Object.assign(error, { code: "ERR_MODULE_NOT_FOUND" });
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, import.meta.url);

const { Ec2Iaas } = await import("../../src/providers/ec2/index.ts");
const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "canary-secret-key" };
const iaas = new Ec2Iaas({ owner: "me", region: "eu-west-1", credentials });
const failures = await Promise.allSettled([iaas.probe(), iaas.get("i-1")]);
await iaas[Symbol.asyncDispose]();
process.stdout.write(
  JSON.stringify(failures.map((failure) => ("reason" in failure ? (failure.reason as unknown) : null))),
);
