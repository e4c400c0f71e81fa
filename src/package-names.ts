/**
 * What this tree is called where packages are installed from: the names in both package.json, in the documents and in what is
 * printed are these (test/structure). `sluice` alone belongs to nobody, so asking npm for it may run anybody's program.
 */
export const GATEWAY_PACKAGE = '@sluice/gateway'
export const CLIENT_PACKAGE = '@sluice/client'
export const REACT_PACKAGE = '@sluice/react'
export const SERVER_PACKAGE = '@sluice/server'

/** The native binaries for one kind of machine, where the gateway is installed from a registry: `scripts/pack.mjs` makes them. */
export function binariesPackage(platform: string, arch: string): string {
  return `@sluice/uws-${platform}-${arch}`
}

/** Runs the command `sluice` where the package is installed, and in a clone. */
export const NPX = `npx ${GATEWAY_PACKAGE}`
