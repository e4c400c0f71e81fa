/**
 * Where the bytes of an idle connection are in the heap, by who holds them.
 *
 *   node --import tsx bench/heap.ts [connections] [--channel]
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compile, compileGateway, compiled } from './lib/compile.ts'
import { accountOf, grownSince } from './lib/heap-account.ts'
import { withPeer, type BenchSession } from './lib/session.ts'

const CONNECTIONS = 3000
const WARM_UP_CONNECTIONS = 500
/** As in `idle-memory`. */
const WARM_UP_ROUNDS = 8
const OPENING_AT_ONCE = 100
/** Less for each connection is of something else. */
const SHOWN_BYTES = 1

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { channel: { type: 'boolean', default: false } },
})
const connections = Number(positionals[0] ?? CONNECTIONS)
const on = values.channel ? { channel: 'bench:room' } : {}

await compile(['load/main', 'peers/sluice'])
await compileGateway()
await withPeer('sluice', async (session) => {
  await session.load.step('prepare', connections)
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    await session.load.step('connect', { count: WARM_UP_CONNECTIONS, inFlight: OPENING_AT_ONCE, ...on })
    await session.load.step('disconnect')
  }
  const before = await snapshot(session, 'before')
  await session.load.step('connect', { count: connections, inFlight: OPENING_AT_ONCE, ...on })
  const grown = grownSince(before, await snapshot(session, 'after'))
  const all = grown.reduce((sum, { bytes }) => sum + bytes, 0)
  console.log(`${(all / connections).toFixed(0)} bytes per connection\n`)
  for (const { owner, count, bytes } of grown) {
    if (bytes / connections < SHOWN_BYTES) break
    console.log(
      `${(bytes / connections).toFixed(1).padStart(8)} ${(count / connections).toFixed(2).padStart(6)}  ${owner}`,
    )
  }
})

async function snapshot(session: BenchSession, name: string): Promise<ReturnType<typeof accountOf>> {
  const file = compiled(`heap-${name}`).replace(/\.mjs$/, '.heapsnapshot')
  await session.settledBytes()
  await session.writeSnapshot(file)
  return accountOf(readFileSync(file, 'utf8'))
}
