/**
 * What a client opens at another node, by where the nodes of its region are reached (`node.publicUrl`).
 */

/** `to`: `wss://host`, without a path. */
export function webSocketUrl(to: string, path: string): string {
  return `${to}${path}`
}

export function httpUrl(to: string, path: string): string {
  return `${to.replace(/^ws/, 'http')}${path}`
}
