import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Addresses that no cloud's API has: a name that leads there is meant to reach this machine's metadata service. */
const metadataServices = new BlockList();
metadataServices.addSubnet("169.254.0.0", 16, "ipv4");
metadataServices.addSubnet("fe80::", 10, "ipv6");
metadataServices.addAddress("fd00:ec2::254", "ipv6");

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True for an address that only this machine has, and for `localhost`. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || isIn(loopback, hostname);
}

/** True for an address on which clouds serve an instance's metadata. IPv4 in IPv6 counts as IPv4. */
export function isMetadataService(hostname: string): boolean {
  return isIn(metadataServices, hostname);
}

function isIn(list: BlockList, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
}

/** Resolves a name as the system does, and refuses what leads to a metadata service: what is checked is connected to. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const [first] = addresses;
    const bad = addresses.find(({ address }) => isMetadataService(address));
    if (first === undefined || bad !== undefined) {
      const refusal = new Error(`${hostname} leads to ${bad?.address ?? "nothing"}, which is refused`);
      return callback(Object.assign(refusal, { code: "ENOTFOUND" }), "", 0);
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
