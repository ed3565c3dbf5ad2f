import type { OpenStackIaas } from "iaaskit/openstack";

/** The facets that depend on the installation, of an Iaas that has been probed and has them all. */
export function facetsOf(iaas: OpenStackIaas) {
  if (!iaas.can("floatingIps") || !iaas.can("securityGroups") || !iaas.can("volumes"))
    throw new Error("facets are off");
  const { floatingIps, securityGroups, volumes } = iaas;
  return { floatingIps, securityGroups, volumes };
}
