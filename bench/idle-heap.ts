/**
 * What idle connections hold in the heap where there are many: `node --import tsx bench/idle-heap.ts [counts]`. Their sockets are made
 * up, so no limit of files of the machine ends it; what the library and the system hold for a socket is not in it.
 */
import { idleBytes } from '../test/support/idle-connections.ts'

const COUNTS = [1000, 10_000, 100_000]
/** V8 compiles meanwhile: the least of them is what connections hold. */
const TIMES = 3

const given = process.argv.slice(2).map(Number)
const wrong = given.find((count) => !Number.isSafeInteger(count) || count < 1)
if (wrong !== undefined) throw new Error(`${wrong} is no number of connections`)

console.log('| connections | bytes in the heap, each | in buffers, each |')
console.log('| ----------: | ----------------------: | ---------------: |')
for (const count of given.length > 0 ? given : COUNTS) {
  const found: Awaited<ReturnType<typeof idleBytes>>[] = []
  for (let time = 0; time < TIMES; time++) found.push(await idleBytes(count))
  const least = (of: 'heap' | 'buffers'): string => Math.min(...found.map((one) => one[of])).toFixed(0)
  console.log(`| ${count.toLocaleString('en')} | ${least('heap')} | ${least('buffers')} |`)
}
