import type { CallContext } from "../../iaas/call.ts";
import type { CapabilityFindings, Facets } from "../../iaas/capabilities.ts";
import { NotFoundError, UnavailableError } from "../../iaas/errors.ts";
import { Iaas } from "../../iaas/iaas.ts";
import type { ListInput } from "../../iaas/instances.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { FoundInstance, Page } from "../../iaas/model.ts";
import { type IaasOptions, iaasOptionFields } from "../../iaas/provider-definition.ts";
import { checkFields, checkText } from "../../iaas/validation.ts";
import { ec2Capabilities } from "./capabilities.ts";
import { Ec2Catalog } from "./catalog.ts";
import type { Ec2ClientOptions } from "./client-options.ts";
import { Ec2Client } from "./client.ts";
import { toEc2Error } from "./errors.ts";
import { ownedBy, pageOf } from "./filters.ts";
import { Ec2FloatingIps } from "./floating-ips.ts";
import { Ec2Images } from "./images.ts";
import { Ec2KeyPairs } from "./key-pairs.ts";
import { ec2LaunchOptions } from "./launch-options.ts";
import { toInstance } from "./mappers.ts";
import { groupIdsOf } from "./networks.ts";
import { runInstancesInput } from "./run-instances.ts";
import { Ec2SecurityGroups } from "./security-groups.ts";
import { Ec2Volumes } from "./volumes.ts";

/**
 * - `region`: as `eu-west-1`.
 * - `endpoint`: of an emulator or a private endpoint; the region's own when left out.
 * - `credentials`: keys, or a function that gives them; AWS' usual chain when left out.
 */
export interface Ec2Options extends IaasOptions, Ec2ClientOptions {}

/** Amazon EC2 in one region. Needs the package `@aws-sdk/client-ec2`, which is loaded at first use. */
export class Ec2Iaas extends Iaas<typeof ec2Capabilities> {
  readonly #client: Ec2Client;
  readonly #region: string;

  constructor(options: Ec2Options) {
    const at = { provider: "ec2", operation: "new" };
    checkFields(options, [...iaasOptionFields, "region", "endpoint", "credentials"], "", at);
    const { region, endpoint = "", credentials } = options;
    checkText(region, "region", at);
    const keys = typeof credentials === "object" ? credentials : undefined;
    if (keys !== undefined) {
      checkText(keys.accessKeyId, "credentials.accessKeyId", at);
      if (typeof keys.secretAccessKey !== "object") checkText(keys.secretAccessKey, "credentials.secretAccessKey", at);
    }
    const client = new Ec2Client(options);
    super(
      {
        provider: "ec2",
        capabilities: ec2Capabilities,
        connection: `${region} ${endpoint} ${keys?.accessKeyId ?? ""}`,
        region,
        secrets: [keys?.secretAccessKey, keys?.sessionToken].filter((secret) => secret !== undefined),
        toError: toEc2Error,
        launchOptions: ec2LaunchOptions,
        facets: {
          floatingIps: (caller) => new Ec2FloatingIps(caller, client),
          securityGroups: (caller) => new Ec2SecurityGroups(caller, client),
          keyPairs: (caller) => new Ec2KeyPairs(caller, client),
          volumes: (caller) => new Ec2Volumes(caller, client),
          images: (caller) => new Ec2Images(caller, client),
          catalog: (caller) => new Ec2Catalog(caller, client),
        },
      },
      options,
    );
    this.#client = client;
    this.#region = region;
  }

  protected override async _probe({
    signal,
  }: CallContext): Promise<{ readonly account: string | null; readonly findings: CapabilityFindings }> {
    const ec2 = await this.#client.connect();
    // Any security group tells whose account it is, and every account with a VPC has one.
    const { SecurityGroups = [] } = await ec2.describeSecurityGroups({ MaxResults: 5 }, { abortSignal: signal });
    return { account: SecurityGroups[0]?.OwnerId ?? null, findings: {} };
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const ec2 = await this.#client.connect();
    const groupIds = await groupIdsOf(this.#client, input.securityGroups, input.networks[0]?.id ?? null, context);
    const { Instances: launched = [] } = await ec2.runInstances(runInstancesInput(input, groupIds), {
      abortSignal: context.signal,
    });
    if (launched[0] === undefined) throw new UnavailableError("the answer names no instance", context);
    return toInstance(launched[0], this.#region);
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    const ec2 = await this.#client.connect();
    const { Reservations = [] } = await ec2.describeInstances({ InstanceIds: [id] }, { abortSignal: context.signal });
    const found = Reservations[0]?.Instances?.[0];
    if (found === undefined) throw new NotFoundError(`there is no instance ${id}`, context);
    return toInstance(found, this.#region);
  }

  protected override async _list(
    { owner, keys, marker }: ListInput,
    { signal }: CallContext,
  ): Promise<Page<FoundInstance>> {
    const ec2 = await this.#client.connect();
    const { Reservations = [], NextToken } = await ec2.describeInstances(
      { Filters: ownedBy(owner, keys), ...pageOf(marker) },
      { abortSignal: signal },
    );
    const found = Reservations.flatMap(({ Instances: instances = [] }) => instances);
    return { items: found.map((instance) => toInstance(instance, this.#region)), marker: NextToken ?? null };
  }

  protected override async _terminate({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.terminateInstances({ InstanceIds: [id] }, { abortSignal: signal });
  }

  protected override async _stop({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.stopInstances({ InstanceIds: [id] }, { abortSignal: signal });
  }

  protected override async _start({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.startInstances({ InstanceIds: [id] }, { abortSignal: signal });
  }

  protected override async _reboot({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.rebootInstances({ InstanceIds: [id] }, { abortSignal: signal });
  }

  protected override async _consoleOutput({ id }: { readonly id: string }, { signal }: CallContext): Promise<string> {
    const ec2 = await this.#client.connect();
    const { Output = "" } = await ec2.getConsoleOutput({ InstanceId: id }, { abortSignal: signal });
    return Buffer.from(Output, "base64").toString("utf8");
  }

  protected override async _dispose(): Promise<void> {
    await this.#client.dispose();
  }
}

/** The facets that an Iaas of this type is sure to have. */
export interface Ec2Iaas extends Facets<typeof ec2Capabilities> {}
