/** What a fault does to servers, and how that is undone. */
import { patientMs } from '../support/patience.ts'
import { GATEWAYS, REDIS_SERVERS, type Deed, type Role } from './fault.ts'
import { faultNamed } from './faults.ts'
import { hostsOf, type Planned } from './plan.ts'
import type { World } from './world.ts'

export type Undo = () => Promise<void> | void

const REDIS_LEAST_BYTES = 1_000_000
/** A drain has plan, grace and what is left of both; then it is over, whatever the clients do. */
const DRAIN_MS = patientMs(60_000)

/** Answers how to heal it. */
export async function inflict(world: World, planned: Planned, primary: string): Promise<Undo[]> {
  const undo: Undo[] = []
  for (const deed of faultNamed(planned.fault)?.deeds ?? []) {
    const hosts = (roles: readonly Role[]): string[] =>
      roles.flatMap((role) => hostsOf(role, planned, primary)).filter((host) => world.hosts.includes(host))
    undo.push(await carryOut(world, deed, 'whom' in deed ? hosts(deed.whom) : [], primary))
  }
  return undo
}

export async function healRound(undo: readonly Undo[]): Promise<void> {
  for (const one of undo.toReversed()) await one()
}

async function carryOut(world: World, deed: Deed, hosts: readonly string[], primary: string): Promise<Undo> {
  const onAll = (run: (host: string) => void) => (): void => hosts.forEach((host) => run(host))
  switch (deed.do) {
    case 'freeze':
      onAll((host) => world.signal(host, 'SIGSTOP'))()
      return onAll((host) => world.signal(host, 'SIGCONT'))
    case 'kill':
      await Promise.all(hosts.map((host) => world.kill(host)))
      return onAll((host) => world.start(host))
    case 'restart':
      await Promise.all(hosts.map((host) => world.kill(host)))
      onAll((host) => world.start(host))()
      return () => undefined
    case 'drain':
      onAll((host) => world.signal(host, 'SIGTERM'))()
      return () => afterDrains(world, hosts)
    case 'rebalance':
      for (const host of hosts) await rebalance(world, host)
      return () => undefined
    case 'fail over':
      await world.failOver()
      return () => undefined
    case 'fill the disk':
      await Promise.all(hosts.map((host) => world.fillDisk(host)))
      return async () => {
        onAll((host) => world.freeDisk(host))()
        // A server whose streams have found no room serves none until it is started again.
        await Promise.all(hosts.map((host) => world.kill(host)))
        onAll((host) => world.start(host))()
      }
    case 'limit Redis':
      return limitRedis(world, deed)
    case 'repeat to Redis':
      return repeat(deed.everyMs, () => tellRedis(world, () => deed.command))
    case 'tell the primary':
      await world.redis(primary, deed.command)
      return () => undefined
    case 'move the clock':
      onAll((host) => world.moveClock(host, deed.bySeconds))()
      return onAll((host) => world.moveClock(host, 0))
  }
}

async function afterDrains(world: World, hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    try {
      await world.until(`${host} still runs`, () => Promise.resolve(!world.runs(host)), DRAIN_MS)
    } catch {
      world.complain(host, `still runs ${DRAIN_MS} ms after it was told to drain and all has healed`)
      await world.kill(host)
    }
    world.start(host)
  }
}

async function rebalance(world: World, host: string): Promise<void> {
  const table = await world.api(host, 'GET', '/v1/nodes')
  if (table === undefined) return
  const { nodes } = (await table.json()) as {
    nodes?: readonly { id: string; address: string; connections: number }[]
  }
  const one = nodes?.find(({ address }) => address.startsWith(`${world.address(host)}:`))
  if (one === undefined || one.connections === 0) return
  const wish = { count: Math.ceil(one.connections / 2), plan: '3s' }
  await world.api(host, 'POST', `/v1/nodes/${one.id}/rebalance`, wish)
}

async function limitRedis(world: World, { policy, spareBytes }: Deed & { do: 'limit Redis' }): Promise<Undo> {
  await tellRedis(world, async (host) => {
    const used = Number(/used_memory:(\d+)/.exec(await world.redis(host, ['info', 'memory']))?.[1] ?? 0)
    const bytes = Math.max(REDIS_LEAST_BYTES, used + spareBytes)
    return ['config', 'set', 'maxmemory-policy', policy, 'maxmemory', String(bytes)]
  })
  return () => tellRedis(world, () => ['config', 'set', 'maxmemory', '0', 'maxmemory-policy', 'noeviction'])
}

async function tellRedis(
  world: World,
  command: (host: string) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  for (const host of REDIS_SERVERS) {
    if (world.hosts.includes(host)) await world.redis(host, await command(host))
  }
}

/** The next one begins when the last has ended, and a while has passed. */
function repeat(everyMs: number, once: () => Promise<void>): Undo {
  let over = false
  const loop = (async (): Promise<void> => {
    while (!over) {
      await once()
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  })()
  return () => {
    over = true
    return loop
  }
}

/** Waits for all gateways; one that does not come back has not healed. */
export async function awaitGateways(world: World, withinMs: number): Promise<void> {
  for (const host of GATEWAYS) {
    try {
      await world.until(`${host} is not ready`, () => world.isReady(host), withinMs)
    } catch {
      world.complain(host, `is not ready ${withinMs} ms after all has healed`)
    }
  }
}
