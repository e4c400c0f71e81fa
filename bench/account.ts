/**
 * Whose the microseconds of a CPU profile are, by room of the gateway.
 *
 *   npm run bench:quick -- publish --peers sluice --rounds 1 --profile
 *   node --import tsx bench/account.ts .tmp/bench/profiles/publish-sluice-1.cpuprofile 25000
 *
 * The last number is how many operations were measured: the profile begins with the first of them. What a library or Node.js does for a room counts as the
 * room's. While it is profiled everything costs more: read the shares.
 */
import { readFileSync } from 'node:fs'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const [file, operations = '1'] = process.argv.slice(2)
if (file === undefined) throw new Error('which profile? node --import tsx bench/account.ts FILE OPERATIONS')

const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile
const byId = new Map(nodes.map((node) => [node.id, node]))
const parents = new Map(
  nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
)

const micros = new Map<string, number>()
let total = 0
for (const [index, id] of samples.entries()) {
  const owner = ownerOf(id)
  if (owner === undefined) continue
  const delta = timeDeltas[index] ?? 0
  micros.set(owner, (micros.get(owner) ?? 0) + delta)
  total += delta
}

console.log('| whose | share | µs per operation |\n| --- | ---: | ---: |')
for (const [owner, spent] of [...micros].sort((a, b) => b[1] - a[1])) {
  if (spent / total < 0.01) continue
  const each = spent / Number(operations)
  console.log(`| ${owner} | ${((spent / total) * 100).toFixed(0)} % | ${each.toFixed(1)} |`)
}

/** `undefined`: nothing was done. */
function ownerOf(sample: number): string | undefined {
  const { functionName } = (byId.get(sample) as ProfileNode).callFrame
  if (functionName === '(idle)') return undefined
  if (functionName === '(garbage collector)') return 'garbage collector'
  if (functionName === '(program)') return 'native, outside of JavaScript'
  for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
    const { url } = (byId.get(id) as ProfileNode).callFrame
    const room = /\/gateway\/([a-z-]+)\//.exec(url)?.[1] ?? (url.includes('/jose/') ? 'jose' : undefined)
    if (room !== undefined) return `\`${room}\``
  }
  return 'Node.js and the loop'
}
