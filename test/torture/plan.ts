/** Which faults come when, to whom and for how long: all of it drawn from a seed, so that a run can be repeated. Pure. */
import { Random } from '../fuzz/random.ts'
import {
  CLIENTS,
  DEFAULT_SECONDS,
  GATEWAYS,
  NATS_SERVERS,
  REDIS_SERVERS,
  SENTINELS,
  type Fault,
  type Lie,
  type Role,
} from './fault.ts'
import { faultNamed } from './faults.ts'
import type { LinkRules } from './network/rule.ts'

/** A fault with those whom it concerns. */
export interface Planned {
  readonly fault: string
  readonly gateway: string
  readonly nats: string
  readonly sentinel: string
}

export interface Round {
  readonly faults: readonly Planned[]
  readonly seconds: number
}

/** Of all rounds, so many in ten have two faults. */
const TOGETHER_IN_TEN = 3

/** Rounds for so many seconds of faults; each fault comes once before any comes again. */
export function planOf(seed: number, faults: readonly Fault[], seconds: number): Round[] {
  const random = new Random(seed)
  const joining = faults.filter(({ joins }) => joins)
  const rounds: Round[] = []
  let waiting: Fault[] = []
  for (let left = seconds; left > 0;) {
    if (waiting.length === 0) waiting = shuffled(faults, random)
    const round = roundOf(waiting.pop() as Fault, joining, random)
    rounds.push(round)
    left -= round.seconds
  }
  return rounds
}

/** These, in this order, one at a time. */
export function planOfNamed(seed: number, faults: readonly Fault[]): Round[] {
  const random = new Random(seed)
  return faults.map((fault) => roundOf(fault, [], random))
}

function roundOf(first: Fault, joining: readonly Fault[], random: Random): Round {
  const together = random.int(10) < TOGETHER_IN_TEN
  const second = joining.length > 0 && together ? random.pick(joining) : undefined
  const faults = second === undefined || second === first ? [first] : [first, second]
  const planned: Planned[] = []
  for (const { name } of faults) {
    // Not twice the same: what is done to one that is dead already is no fault.
    const taken = planned[0]
    planned.push({
      fault: name,
      gateway: random.pick(GATEWAYS.filter((host) => host !== taken?.gateway)),
      nats: random.pick(NATS_SERVERS.filter((host) => host !== taken?.nats)),
      sentinel: random.pick(SENTINELS),
    })
  }
  const [least, most] = first.seconds ?? DEFAULT_SECONDS
  return { faults: planned, seconds: least + random.int(most - least + 1) }
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const left = [...items]
  const out: Item[] = []
  while (left.length > 0) out.push(...left.splice(random.int(left.length), 1))
  return out
}

/** Those that a role means, where `primary` serves now. */
export function hostsOf(
  role: Role,
  { gateway, nats, sentinel }: Planned,
  primary: string,
): readonly string[] {
  const without = (all: readonly string[], one: string): string[] => all.filter((host) => host !== one)
  switch (role) {
    case 'gateway':
      return [gateway]
    case 'other gateways':
      return without(GATEWAYS, gateway)
    case 'all gateways':
      return GATEWAYS
    case 'nats':
      return [nats]
    case 'other nats':
      return without(NATS_SERVERS, nats)
    case 'all nats':
      return NATS_SERVERS
    case 'primary':
      return [primary]
    case 'replica':
      return without(REDIS_SERVERS, primary)
    case 'all redis':
      return REDIS_SERVERS
    case 'sentinel':
      return [sentinel]
    case 'other sentinels':
      return without(SENTINELS, sentinel)
    case 'all sentinels':
      return SENTINELS
    case 'clients':
      return [CLIENTS]
  }
}

/** What the network does in a round. */
export function rulesOf({ faults }: Round, primary: string): LinkRules[] {
  return faults.flatMap((planned) => {
    const { lies = [] } = faultNamed(planned.fault) as Fault
    const all = (roles: readonly Role[]): string[] => roles.flatMap((role) => hostsOf(role, planned, primary))
    return lies.flatMap(({ from, to, rule, bothWays }: Lie) => [
      { from: all(from), to: all(to), rule },
      ...(bothWays === true ? [{ from: all(to), to: all(from), rule }] : []),
    ])
  })
}
