import { type ErrorOrigin, IaasError, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { Secret } from "../iaas/secret.ts";
import type { IaasOptions } from "../iaas/provider-definition.ts";

/** Makes an Iaas of what a configuration says: the class of a provider. */
export type IaasConstructor = new (options: never) => Iaas;

/** What a configuration says of an Iaas. */
export interface Described {
  /** Name of the provider. */
  readonly provider: string;
  /** Its own options. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where it says so, for errors: as `iaases[0]`. */
  readonly field: string;
  readonly positionOf: (option: string) => InputPosition;
}

type Options = Readonly<Record<string, unknown>>;

/** A provider of this package: loaded when a configuration names it. */
interface BuiltIn {
  readonly load: () => Promise<IaasConstructor>;
  /** From the pair that Stratos' definitions have, for every cloud, to this one's own options. */
  readonly fromPair?: (identity: string, credential: string | Secret, others: Options) => Options;
  /** What the options name, and a file or the environment holds. */
  readonly complete?: (options: Options) => Promise<Options>;
}

const builtIns: Readonly<Record<string, BuiltIn>> = {
  local: { load: async () => (await import("../providers/local/index.ts")).LocalIaas },
  docker: { load: async () => (await import("../providers/docker/index.ts")).DockerIaas },
  ec2: {
    load: async () => (await import("../providers/ec2/index.ts")).Ec2Iaas,
    fromPair: (accessKeyId, secretAccessKey, others) => ({ ...others, credentials: { accessKeyId, secretAccessKey } }),
  },
  openstack: {
    load: async () => (await import("../providers/openstack/index.ts")).OpenStackIaas,
    // Stratos writes the project before the user, and Keystone's address as the endpoint.
    fromPair: (identity, password, { endpoint: authUrl, ...others }) => {
      const [project, user] = identity.split(":", 2);
      return { ...others, auth: { authUrl, username: user ?? project, projectName: project, password } };
    },
    complete: async ({ cloud, ...others }) => {
      if ("auth" in others) return others;
      const { readCloud } = await import("../providers/openstack/index.ts");
      return { ...(await readCloud(typeof cloud === "string" ? cloud : undefined)), ...others };
    },
  },
};

/** The names that Stratos' client library had for the same clouds. */
const aliases: ReadonlyMap<string, string> = new Map([
  ["aws-ec2", "ec2"],
  ["openstack-nova", "openstack"],
]);

/** The providers that a configuration may name: those of this package, and those that the program registers. */
export class Providers {
  readonly #registered: Readonly<Record<string, IaasConstructor>>;

  constructor(registered: Readonly<Record<string, IaasConstructor>>) {
    this.#registered = registered;
  }

  get names(): readonly string[] {
    return [...new Set([...Object.keys(builtIns), ...Object.keys(this.#registered)])].toSorted();
  }

  /**
   * Make an Iaas. A name of a class is never loaded as code: only what is registered can be made.
   *
   * @throws InvalidInputError when there is no such provider, or its constructor refuses the options.
   */
  async create({ provider: name, options, field, positionOf }: Described, common: IaasOptions): Promise<Iaas> {
    const refuse = (option: string, rule: string): never => {
      throw new InvalidInputError(`${field}.${option}`, rule, { ...origin, ...positionOf(option) });
    };
    const provider = aliases.get(name) ?? name;
    const registered = Object.hasOwn(this.#registered, provider) ? this.#registered[provider] : undefined;
    const builtIn = Object.hasOwn(builtIns, provider) ? builtIns[provider] : undefined;
    const constructor = registered ?? (await builtIn?.load());
    if (constructor === undefined) {
      return refuse("provider", `is ${JSON.stringify(name)}, which is none of: ${this.names.join(", ")}`);
    }
    const taken = Object.keys(options).find((option) => Object.hasOwn(common, option));
    if (taken !== undefined) refuse(taken, "is the controller's: it holds for every Iaas");
    const { identity, credential, ...others } = options;
    const isPair = typeof identity === "string" && (typeof credential === "string" || credential instanceof Secret);
    const own = isPair && registered === undefined ? builtIn?.fromPair?.(identity, credential, others) : undefined;
    try {
      const complete = registered === undefined ? builtIn?.complete : undefined;
      const all = (await complete?.(own ?? options)) ?? own ?? options;
      return new constructor({ ...all, ...common } as never);
    } catch (error) {
      if (IaasError.is(error) && error.code === "IAAS_INVALID_INPUT") refuse(error.field, error.rule);
      throw error;
    }
  }
}

const origin: ErrorOrigin = { provider: "iaaskit", operation: "CloudController.fromConfig" };
