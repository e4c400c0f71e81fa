/**
 * Looks for short names with which the client's bundles weigh less, gzipped, and writes them to `short-names.json`:
 *
 *   node scripts/search-names.mjs [SECONDS]
 *
 * It begins with those of that file, tries others for one name after another, and keeps what weighs less. For after a larger change of
 * the client; two minutes are enough.
 */
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { ENTRIES, joined, minified } from './bundle.mjs'
import { lettersFor, neighbours, shortNames, wishes, WORDS } from './short-names.mjs'

const endMs = Date.now() + Number(process.argv[2] ?? 120) * 1000
/** What pages load; the one with WebSockets alone gains by it as well. */
const SEARCHED = ['sluice.min.js']
const beside = neighbours()
const short = shortNames()
const names = Object.keys(short)

/** Stands for a name, and is nothing that could stand in a module. */
const placeOf = (name) => `Q${String(names.indexOf(name)).padStart(3, '0')}Q`
const places = Object.fromEntries(names.map((name) => [name, placeOf(name)]))
const nameOf = Object.fromEntries(names.map((name) => [placeOf(name), name]))

/** Each file as texts between which names stand. */
const files = await Promise.all(
  SEARCHED.map(async (file) => {
    const { code, map } = await joined(ENTRIES[file])
    const words = WORDS.map((word) => [`"${short[word]}"`, `"${placeOf(word)}"`])
    const text = (await minified(file, { code, map }, places)).code
    return words.reduce((some, [from, to]) => some.replaceAll(from, to), text).split(/(Q\d{3}Q)/)
  }),
)
const used = names.filter((name) => files[0].includes(placeOf(name)))

function weigh() {
  const weights = files.map((parts) => {
    const text = parts.map((part) => short[nameOf[part]] ?? part).join('')
    return gzipSync(text, { level: 9 }).length
  })
  return { weights, sum: weights.reduce((all, one) => all + one) }
}

const isFree = (name, letter, but) =>
  ![...beside.get(name)].some((other) => other !== but && short[other] === letter)

let best = weigh()
console.log(best.weights.join(' '))
const any = (list) => list[Math.floor(Math.random() * list.length)]
while (Date.now() < endMs) {
  const name = any(used)
  const letter = any(lettersFor(name))
  const former = short[name]
  if (letter === former) continue
  // Who has it takes the former one, where that is nobody's beside it.
  const holders = [...beside.get(name)].filter((other) => short[other] === letter)
  if (holders.length > 1) continue
  const [other] = holders
  if (other !== undefined && !(lettersFor(other).includes(former) && isFree(other, former, name))) continue
  short[name] = letter
  if (other !== undefined) short[other] = former
  const now = weigh()
  if (now.sum <= best.sum) best = now
  else {
    short[name] = former
    if (other !== undefined) short[other] = letter
  }
}
console.log(best.weights.join(' '))
const found = Object.fromEntries(used.toSorted().map((name) => [name, short[name]]))
writeFileSync(wishes, `${JSON.stringify(found, null, 2)}\n`)
