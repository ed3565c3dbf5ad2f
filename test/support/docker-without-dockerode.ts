/** Prints the error that a DockerIaas gives, twice, where dockerode is not installed. Run as a process. */
import { register } from "node:module";

const hook = `
  export async function resolve(name, context, next) {
    if (name !== "dockerode") return await next(name, context);
    const error = new Error("Cannot find package '" + name + "' imported from " + context.parentURL);
    throw Object.assign(error, { code: "ERR_MODULE_NOT_FOUND" });
  }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, import.meta.url);

const { DockerIaas } = await import("../../src/providers/docker/index.ts");
const iaas = new DockerIaas({ owner: "me", endpoint: "unix:///nowhere.sock" });
const failures = await Promise.allSettled([iaas.probe(), iaas.get("i-1")]);
await iaas[Symbol.asyncDispose]();
process.stdout.write(
  JSON.stringify(failures.map((failure) => ("reason" in failure ? (failure.reason as unknown) : null))),
);
