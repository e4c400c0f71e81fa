/** Where a run lives: in network namespaces where this process is root, else on loopback, where it has fewer ways to lie. */
import { CLIENTS, GATEWAYS, NATS_SERVERS, type Fault } from './fault.ts'
import { API_PORT, hostsFor, NATS_PORT, PORT, REDIS_PORT } from './layout.ts'
import { canTell, Loopback, type Passage } from './network/loopback.ts'
import { Namespaces } from './network/namespaces.ts'
import type { Network } from './network/network.ts'
import { rulesOf } from './plan.ts'

export const PLACES = ['namespaces', 'loopback'] as const
export type Place = (typeof PLACES)[number]

/** What goes through proxies on loopback. Sentinels name servers by one address to everybody, so there are none there. */
const PASSAGES: readonly Passage[] = [
  { from: GATEWAYS, to: NATS_SERVERS, ports: [NATS_PORT] },
  { from: GATEWAYS, to: ['r1'], ports: [REDIS_PORT] },
  { from: [CLIENTS], to: GATEWAYS, ports: [PORT, API_PORT] },
  { from: [CLIENTS], to: NATS_SERVERS, ports: [NATS_PORT] },
]

/** Why a run cannot live there, or nothing. */
export function hindranceOf(place: Place): string | undefined {
  return place === 'namespaces' ? Namespaces.hindrance() : Loopback.hindrance()
}

export function bestPlace(): Place {
  return PLACES.find((place) => hindranceOf(place) === undefined) ?? 'loopback'
}

/** Whether this fault can be made there. */
export function isPossible(place: Place, sentinels: boolean, { name, needs, deeds = [] }: Fault): boolean {
  if (needs === 'sentinels' && !sentinels) return false
  if (place === 'namespaces') return true
  if (deeds.some((deed) => deed.do === 'fill the disk')) return false
  const anybody = { fault: name, gateway: 'g1', nats: 'n1', sentinel: 's1' }
  const hosts = [...hostsFor(false), CLIENTS]
  const known = (names: readonly string[]): string[] => names.filter((host) => hosts.includes(host))
  const rules = rulesOf({ faults: [anybody], seconds: 0 }, 'r1')
  return rules.every(({ from, to, rule }) => canTell(PASSAGES, { from: known(from), to: known(to), rule }))
}

export function openNetwork(place: Place, hosts: readonly string[], seed: number): Promise<Network> {
  return place === 'namespaces' ? Namespaces.create(hosts, seed) : Loopback.create(hosts, PASSAGES, seed)
}
