/**
 * `npm run fuzz -- --inputs 10000000 [--seed N]`: hostile inputs for every reader at full speed, and some of them for a real
 * gateway over sockets, beside clients that do nothing wrong. Ends with 1 where a promise is broken.
 */
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const { values } = parseArgs({
  options: { inputs: { type: 'string', default: '100000' }, seed: { type: 'string' } },
})
const inputs = Number(values.inputs)
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
  console.error('fuzz: --inputs is a whole number from 1, --seed a whole number')
  process.exit(2)
}
const { line, broken, kept } = await fuzz(inputs, seed, (progress) => console.log(progress))
for (const sentence of broken) console.error(`broken: ${sentence}`)
console.log(line)
process.exit(kept ? 0 : 1)
