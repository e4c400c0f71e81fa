/**
 * Where a client comes back, and when: what it opens at another node, by where the nodes of its region are reached
 * (`node.publicUrl`).
 */
import type { StreamContext } from './transport.ts'
import { jitter } from '../clock.ts'

/** `to`: `wss://host`, without a path. */
export function webSocketUrl(to: string, path: string): string {
  return `${to}${path}`
}

export function httpUrl(to: string, path: string): string {
  return `${to.replace(/^ws/, 'http')}${path}`
}

/** Drawn per client, so that those who lose a node together do not come back together. */
export function retryMs({ ports, options }: StreamContext, withinMs?: number): number {
  const { retryMinMs, retryMaxMs } = options
  return Math.round(
    withinMs === undefined ? jitter(ports.clock, retryMinMs, retryMaxMs) : jitter(ports.clock, 0, withinMs),
  )
}
