/**
 * What operators have ordered for the whole cluster, as it stands on a shelf of the registry: the version that clients go
 * to, and what is kept out. Pure.
 */
import { objectIn } from '../protocol/json.ts'
import type { Deploy } from '../registry/registry.ts'

interface Ordered {
  /** The name of the API key. */
  readonly by: string
  /** In milliseconds since 1970. */
  readonly at: number
}

/** Clients go to this version, until a deploy comes that is later than all there were when it was said. */
export interface Target extends Ordered {
  readonly version: string
  /** The latest deploy that there was. */
  readonly over: Deploy
}

export const CORDON_KINDS = ['version', 'address'] as const
export type CordonKind = (typeof CORDON_KINDS)[number]

/** What is kept out: a version, with `*` for anything, or whatever is at an address. */
export interface Cordon extends Ordered {
  readonly kind: CordonKind
  readonly what: string
}

export interface Orders {
  readonly target: Target | undefined
  readonly cordons: readonly Cordon[]
}

export const NO_ORDERS: Orders = { target: undefined, cordons: [] }
export const TARGET_KEY = 'target'
export const VERSION_PATTERN_RULE = '1 to 64 of A-Z a-z 0-9 _ . + -, and * for anything'

export const VERSION_PATTERN = /^[A-Za-z0-9_.+*-]{1,64}$/
const TEXT_LENGTH_MAX = 300

export function cordonKey({ kind, what }: Pick<Cordon, 'kind' | 'what'>): string {
  return `cordon ${kind} ${what}`
}

/** What does not look like an order is none: others may write there too. */
export function ordersIn(shelf: ReadonlyMap<string, string>): Orders {
  const cordons: Cordon[] = []
  for (const [key, text] of shelf) {
    const cordon = key === TARGET_KEY ? undefined : cordonIn(text)
    if (cordon !== undefined && cordonKey(cordon) === key) cordons.push(cordon)
  }
  const target = shelf.get(TARGET_KEY)
  return { target: target === undefined ? undefined : targetIn(target), cordons }
}

/** The first that keeps such a node out. */
export function cordonOf(
  { cordons }: Orders,
  { version, address }: { readonly version: string; readonly address: string },
): Cordon | undefined {
  return cordons.find(({ kind, what }) => (kind === 'address' ? what === address : fits(what, version)))
}

export function isVersionPattern(text: string): boolean {
  return VERSION_PATTERN.test(text)
}

/** Whether a version is one of the pattern: `*` stands for anything. In one pass, whatever the pattern is. */
export function fits(pattern: string, version: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return version === first
  if (!version.startsWith(first) || version.length < first.length + last.length) return false
  if (!version.endsWith(last)) return false
  let from = first.length
  for (const part of rest) {
    const at = version.indexOf(part, from)
    if (at === -1) return false
    from = at + part.length
  }
  return from <= version.length - last.length
}

function targetIn(text: string): Target | undefined {
  const { version, over, by, at } = objectIn(text) ?? {}
  const { generation, said } = (over ?? {}) as Readonly<Record<string, unknown>>
  if (!isText(version) || !isText(by) || !isAmount(at) || !isAmount(generation)) return undefined
  return { version, by, at, over: { generation, said: said === true } }
}

function cordonIn(text: string): Cordon | undefined {
  const { kind, what, by, at } = objectIn(text) ?? {}
  const known = CORDON_KINDS.find((one) => one === kind)
  if (known === undefined || !isText(what) || !isText(by) || !isAmount(at)) return undefined
  return { kind: known, what, by, at }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
