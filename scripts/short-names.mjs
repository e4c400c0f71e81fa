/**
 * What the names that only the client's own modules use are called in the bundles for pages: each by a single character, which two names
 * have in common where nothing has both of them.
 *
 * Which character it is decides what repeats itself, and so what the bundle weighs, gzipped: some 250 bytes. `short-names.json` has what
 * `node scripts/search-names.mjs` has found. It is a wish: what it does not say, or says of two names that something has both of by now, is
 * given a character that is free, so that a change of the client never has to touch it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const client = fileURLToPath(new URL('../src/client', import.meta.url))
export const wishes = fileURLToPath(new URL('short-names.json', import.meta.url))

/** Names that one module of the client uses of another, and nobody else: neither applications nor the platform nor the gateway. */
const SHARED = [
  'acked acks arrived asked beat behind changed clock complain connection current deliver delayMs dispatch emit expiresAtMs flush frameBytesMax greet greeted',
  'later live lost networkChanged nextRef opened probe received refs refusals refused renew requests returnMs returns',
  'served servesSinceMs show shows skip events refused turn socket starts stuck tail take tokens track tries untilMs wants ways welcomed wire won',
  'answer cancel envelope former left options put repeat settled write',
]
  .join(' ')
  .split(' ')

/** Events and actions of `machine.ts`: names that are texts, too. */
export const WORDS = ['adopt', 'dial', 'fail', 'lose', 'none', 'remain', 'supersede', 'wake']

export const INTERNAL = [...new Set([...SHARED, ...WORDS])].toSorted()

/** What applications may derive from: what is private there stays so, since a field of theirs could have the same short name. */
export const EXTENDED = ['client.ts', 'full.ts', 'presence.ts']

/** The same of what is not private there: no field of theirs begins so. */
const INHERITED = new Set(['arrived', 'clock', 'complain', 'deliver', 'former', 'later', 'requests'])

/** The most frequent ones of the language first. */
export const LETTERS = 'tesihrnoacldufwvpmbygkMSOxTEjNPqJCABDFGHIKLQRUVWXYZz'.split('')

/** As a name is written in a module, once its `#` has been replaced. */
const PRIVATE = /#[a-z]\w*/g

/** By module: those of its names that are made shorter. What has two of them is declared in one module, and there are both. */
const modules = readdirSync(client)
  .toSorted()
  .filter((file) => file.endsWith('.ts'))
  .map((file) => {
    const text = readFileSync(join(client, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')
    const own = EXTENDED.includes(file)
      ? []
      : (text.match(PRIVATE) ?? []).map((name) => name.replace('#', '$'))
    const words = new Set(text.match(/\w+/g))
    return new Set([...own, ...INTERNAL.filter((name) => words.has(name))])
  })

/** By name: what may not be called the same. */
export function neighbours() {
  const beside = new Map()
  for (const names of modules)
    for (const name of names) beside.set(name, new Set([...(beside.get(name) ?? []), ...names]))
  for (const [name, others] of beside) others.delete(name)
  return beside
}

export function lettersFor(name) {
  return INHERITED.has(name) ? LETTERS.map((letter) => `$${letter}`) : LETTERS
}

/** By name, the short one. */
export function shortNames(wanted = JSON.parse(readFileSync(wishes, 'utf8'))) {
  const beside = neighbours()
  const short = {}
  const isFree = (name, letter) => ![...beside.get(name)].some((other) => short[other] === letter)
  const names = [...beside.keys()].toSorted((a, b) => (b in wanted) - (a in wanted))
  for (const name of names)
    short[name] = [wanted[name], ...lettersFor(name)].find(
      (letter) => letter !== undefined && lettersFor(name).includes(letter) && isFree(name, letter),
    )
  return short
}
