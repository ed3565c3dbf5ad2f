import type { CallContext } from "../../iaas/call.ts";
import type { CapabilityFindings, Facets } from "../../iaas/capabilities.ts";
import { systemClock } from "../../iaas/clock.ts";
import type { IaasOptions } from "../../iaas/provider-definition.ts";
import type { Secret } from "../../iaas/secret.ts";
import { check, checkText } from "../../iaas/validation.ts";
import { openStackCapabilities } from "./capabilities.ts";
import { OpenStackCatalog } from "./catalog.ts";
import { OpenStackClient } from "./client.ts";
import { readCloud } from "./clouds-yaml.ts";
import { checkConnection, type OpenStackAuth, type OpenStackConnection } from "./connection.ts";
import { toOpenStackError } from "./errors.ts";
import { OpenStackFloatingIps } from "./floating-ips.ts";
import { loginOf } from "./identity.ts";
import { OpenStackImages } from "./images.ts";
import { OpenStackKeyPairs } from "./key-pairs.ts";
import { openStackLaunchOptions } from "./launch-options.ts";
import { ownerAtMost } from "./marks.ts";
import { Network } from "./network.ts";
import { NovaIaas } from "./nova-iaas.ts";
import { OpenStackSecurityGroups } from "./security-groups.ts";
import { OpenStackVolumes } from "./volumes.ts";

/** An OpenStack cloud, and an owner of at most 100 characters. */
export interface OpenStackOptions extends IaasOptions, OpenStackConnection {}

export interface OpenStackCloudOptions extends IaasOptions, Partial<Omit<OpenStackConnection, "auth">> {
  /** As `clouds.yaml` names it. Default: what `OS_CLOUD` names. */
  readonly cloud?: string | undefined;
}

/** One project of an OpenStack cloud, in one region. */
export class OpenStackIaas extends NovaIaas<typeof openStackCapabilities> {
  readonly #client: OpenStackClient;
  readonly #network: Network;

  constructor(options: OpenStackOptions) {
    const at = { provider: "openstack", operation: "new" };
    const { owner, clock = systemClock, payloadHost: _host, ...connection } = options;
    checkConnection(connection, at);
    checkText(owner, "owner", at);
    check(owner.length <= ownerAtMost, "owner", `must have at most ${ownerAtMost} characters`, at);
    const { auth, region = null, floatingNetwork } = connection;
    const client = new OpenStackClient({ connection, login: loginOf(auth), clock });
    const network = new Network(client, clock, floatingNetwork);
    super(
      {
        provider: "openstack",
        capabilities: openStackCapabilities,
        connection: `${auth.authUrl} ${region} ${accountOf(auth)}`,
        region,
        secrets: secretsOf(auth),
        toError: toOpenStackError,
        launchOptions: openStackLaunchOptions,
        facets: {
          floatingIps: (caller) => new OpenStackFloatingIps(caller, client, network),
          securityGroups: (caller) => new OpenStackSecurityGroups(caller, client),
          keyPairs: (caller) => new OpenStackKeyPairs(caller, client),
          volumes: (caller) => new OpenStackVolumes(caller, client),
          images: (caller) => new OpenStackImages(caller, client),
          catalog: (caller) => new OpenStackCatalog(caller, client),
        },
      },
      options,
      client,
    );
    this.#client = client;
    this.#network = network;
  }

  /**
   * The Iaas of a cloud that `clouds.yaml` or the variables `OS_*` describe; what is given here overrides them.
   *
   * @throws InvalidInputError when nothing describes such a cloud. See {@link readCloud}.
   */
  static async fromCloud({ cloud, ...options }: OpenStackCloudOptions): Promise<OpenStackIaas> {
    return new OpenStackIaas({ ...(await readCloud(cloud)), ...options });
  }

  protected override async _probe(
    context: CallContext,
  ): Promise<{ readonly account: string | null; readonly findings: CapabilityFindings }> {
    const { projectId } = await this.#client.session(context);
    const [extensions, hasVolumes, { maxServerMeta = -1 }] = await Promise.all([
      this.#network.extensions(context),
      this.#client.has("volume", context),
      this.limits(context),
    ]);
    const canBeMarked = extensions.has("standard-attr-description");
    const most = openStackCapabilities.tags.maxCount.value;
    const findings: CapabilityFindings = {
      floatingIps: extensions.has("router") && canBeMarked,
      securityGroups: extensions.has("security-group") && canBeMarked ? { by: ["name", "id"] } : false,
      volumes: hasVolumes ? { snapshots: true, zonal: false } : false,
      tagsMaxCount: maxServerMeta < 0 ? most : Math.min(most, maxServerMeta),
    };
    return { account: projectId, findings };
  }
}

/** Who asks, without a secret: those who are the same share the cloud's patience. */
function accountOf(auth: OpenStackAuth): string {
  if ("applicationCredentialSecret" in auth) return `${auth.applicationCredentialId ?? auth.applicationCredentialName}`;
  const who = "password" in auth ? (auth.userId ?? auth.username) : "token";
  return `${who} ${auth.projectId ?? auth.projectName ?? ""}`;
}

function secretsOf(auth: OpenStackAuth): (string | Secret)[] {
  if ("applicationCredentialSecret" in auth) return [auth.applicationCredentialSecret];
  return ["password" in auth ? auth.password : auth.token];
}

/** The facets that an Iaas of this type is sure to have. */
export interface OpenStackIaas extends Facets<typeof openStackCapabilities> {}
