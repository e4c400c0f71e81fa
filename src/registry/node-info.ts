/**
 * An entry of the table of nodes as another node wrote it, or whoever else can write there: what does not look like one is
 * none, and takes nothing down. Pure.
 */
import { objectIn } from '../protocol/json.ts'
import type { NodeInfo } from './registry.ts'

const ROLES = ['all', 'edge', 'api']
const STATES = ['starting', 'active', 'cordoned', 'draining', 'closing']
/** `host:port` and nothing else of a URL: requests go there. */
const ADDRESS = /^(?:[A-Za-z0-9_.-]{1,253}|\[[\da-fA-F:.]{2,45}\]):\d{1,5}$/
/** Clients are sent there. */
const PUBLIC_URL = /^wss?:\/\/(?:[A-Za-z0-9_.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?$/
const LABEL_LENGTH_MAX = 64
const NODE_ID = /^[\w-]{1,64}$/

/** `undefined`: it is none. */
export function nodeInfoIn(id: string, text: string): NodeInfo | undefined {
  const value = objectIn(text)
  return value !== undefined && isNodeInfo(id, value) ? (value as unknown as NodeInfo) : undefined
}

function isNodeInfo(id: string, node: Readonly<Record<string, unknown>>): boolean {
  const { rates, degraded, peer, deploy, publicUrl, offers, service } = node
  return (
    NODE_ID.test(id) &&
    node['id'] === id &&
    isLabel(node['version']) &&
    isLabel(node['region']) &&
    ROLES.includes(node['role'] as string) &&
    STATES.includes(node['state'] as string) &&
    [node['startedAt'], node['connections'], node['pressure']].every(isAmount) &&
    typeof node['address'] === 'string' &&
    ADDRESS.test(node['address']) &&
    (offers === undefined || isAmount(offers)) &&
    (publicUrl === undefined || (typeof publicUrl === 'string' && PUBLIC_URL.test(publicUrl))) &&
    (deploy === undefined ||
      (isObject(deploy) && isAmount(deploy['generation']) && typeof deploy['said'] === 'boolean')) &&
    isObject(rates) &&
    [rates['connects'], rates['published'], rates['delivered']].every(isAmount) &&
    (service === undefined || isService(service)) &&
    Array.isArray(degraded) &&
    degraded.every(isLabel) &&
    (peer === undefined || isPeer(peer))
  )
}

function isService(value: unknown): boolean {
  if (!isObject(value)) return false
  const { lagMs, latencyMs, repaired, replayed, resets } = value
  return (
    [lagMs, repaired, replayed, resets].every(isAmount) &&
    (latencyMs === undefined || (isObject(latencyMs) && [latencyMs['p50'], latencyMs['p99']].every(isAmount)))
  )
}

function isPeer(value: unknown): boolean {
  if (!isObject(value)) return false
  const { beat, proof, several } = value
  return isAmount(beat) && isProof(proof) && (several === undefined || typeof several === 'boolean')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isLabel(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LABEL_LENGTH_MAX
}

function isProof(value: unknown): boolean {
  return value === undefined || isLabel(value)
}
