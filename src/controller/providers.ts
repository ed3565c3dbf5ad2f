import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";

/** Makes an Iaas of what a configuration says: the class of a provider. */
export type IaasConstructor = new (options: never) => Iaas;

/** A provider of this package: loaded when a configuration names it. */
interface BuiltIn {
  readonly load: () => Promise<IaasConstructor>;
  /** From the pair that Stratos' definitions have, for every cloud, to this one's own options. */
  readonly fromPair?: (identity: string, credential: string) => Readonly<Record<string, unknown>>;
}

const builtIns: Readonly<Record<string, BuiltIn>> = {
  local: { load: async () => (await import("../providers/local/index.ts")).LocalIaas },
  ec2: {
    load: async () => (await import("../providers/ec2/index.ts")).Ec2Iaas,
    fromPair: (accessKeyId, secretAccessKey) => ({ credentials: { accessKeyId, secretAccessKey } }),
  },
};

/** The names that Stratos' client library had for the same clouds. */
const aliases: Readonly<Record<string, string>> = { "aws-ec2": "ec2" };

/** The providers that a configuration may name: those of this package, and those that the program registers. */
export class Providers {
  readonly #registered: Readonly<Record<string, IaasConstructor>>;

  constructor(registered: Readonly<Record<string, IaasConstructor>>) {
    this.#registered = registered;
  }

  get names(): readonly string[] {
    return [...new Set([...Object.keys(builtIns), ...Object.keys(this.#registered)])].toSorted();
  }

  has(name: string): boolean {
    return this.names.includes(aliases[name] ?? name);
  }

  /**
   * Make an Iaas. A name of a class is never loaded as code: only what is registered can be made.
   *
   * @throws InvalidInputError when there is no such provider, or its constructor refuses the options.
   */
  async create(
    name: string,
    options: Readonly<Record<string, unknown>>,
    field: string,
    at: ErrorOrigin,
  ): Promise<Iaas> {
    const provider = aliases[name] ?? name;
    const registered = Object.hasOwn(this.#registered, provider) ? this.#registered[provider] : undefined;
    const builtIn = Object.hasOwn(builtIns, provider) ? builtIns[provider] : undefined;
    const constructor = registered ?? (await builtIn?.load());
    if (constructor === undefined) {
      throw new InvalidInputError(field, `is ${JSON.stringify(name)}, which is none of: ${this.names.join(", ")}`, at);
    }
    const { identity, credential, ...others } = options;
    const isPair = typeof identity === "string" && typeof credential === "string";
    const own = isPair && registered === undefined ? builtIn?.fromPair?.(identity, credential) : undefined;
    return new constructor({ ...(own === undefined ? options : { ...others, ...own }) } as never);
  }
}
