/**
 * The gateway as a library: a node in your own process.
 *
 *   const node = await createNode(loadConfig({ env: process.env }))
 *   await node.start()
 */
export { loadConfig, type ConfigSources } from './config/load.ts'
export { ConfigError } from './config/config-error.ts'
export type { Config, ConfigInput } from './config/schema.ts'
export { createNode } from './node/node.ts'
export type { Node } from './node/contract.ts'
