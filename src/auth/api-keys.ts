/**
 * The keys of backends and operators, for the second listener.
 *
 * An entry is `name:scope+scope:key`, or `name:scope+scope@namespace|namespace:key` for a key that is limited to some
 * namespaces; the key may contain colons, what stands before it does not. A key is kept as its SHA-256 digest, and its bytes once somebody has
 * shown it, outside of V8's heap: neither a log of the object nor a heap dump shows it.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { SluiceError } from '../errors.ts'
import { isChannel } from '../protocol/channel.ts'
import { AuthConfigError } from './config-error.ts'
import { type Grant, SCOPES, type Scope } from './grant.ts'

/** 64 bits where the key is hexadecimal: out of reach for guesses that each cost a request. */
export const KEY_LENGTH_MIN = 16

const DIGEST_BYTES = 32

/** Of a key that is known again by its bytes; a longer one is hashed each time. */
const SHOWN_BYTES = 128
/** No character has more in UTF-8: where less is left, one may have been cut off. */
const CHARACTER_BYTES_MAX = 4

const NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** A parsed entry. */
export class ApiKey implements Grant {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly namespaces: readonly string[] | undefined
  readonly #digest: Buffer
  /** As `ShownKey` has it, once it was shown. Nobody else can know these bytes. */
  #shown: Buffer | undefined

  constructor({ name, scopes, namespaces }: Grant, key: string) {
    this.name = name
    this.scopes = scopes
    this.namespaces = namespaces
    this.#digest = writeDigest(key, Buffer.alloc(DIGEST_BYTES))
  }

  /** In constant time. Both sides are digests, so their lengths are equal and tell nothing of the keys'. */
  hasDigest(digest: Buffer): boolean {
    return timingSafeEqual(this.#digest, digest)
  }

  /** In constant time: all are equally long, whatever the keys are. */
  wasShown(shown: Buffer): boolean {
    return this.#shown !== undefined && timingSafeEqual(this.#shown, shown)
  }

  remember(shown: Buffer): void {
    this.#shown = Buffer.alloc(SHOWN_BYTES)
    this.#shown.set(shown)
  }

  hasKeyOf(other: ApiKey): boolean {
    return this.hasDigest(other.#digest)
  }
}

interface ApiKeyRules {
  /** For development: keys of any length. */
  readonly allowWeak: boolean
}

/** Fails with `AuthConfigError`, which names the entry by its place and its name, never by its key. */
export function parseApiKeys(entries: readonly string[], rules: ApiKeyRules): readonly ApiKey[] {
  const keys: ApiKey[] = []
  for (const [index, entry] of entries.entries()) {
    const key = parseEntry(entry, `api.keys[${index}]`, rules)
    if (keys.some(({ name }) => name === key.name)) {
      throw new AuthConfigError(`api.keys has two entries named ${key.name}; a name stands for one key`)
    }
    const twin = keys.find((other) => other.hasKeyOf(key))
    if (twin !== undefined) {
      throw new AuthConfigError(
        `api.keys gives ${twin.name} and ${key.name} the same key; each needs its own`,
      )
    }
    keys.push(key)
  }
  return keys
}

const FORM = `an entry is name:scope+scope:key, or name:scope@namespace|namespace:key, and the scopes are ${SCOPES.join(', ')}`

function parseEntry(entry: string, where: string, rules: ApiKeyRules): ApiKey {
  const [name, rights, ...rest] = entry.split(':')
  // An entry without its colons may be a bare key: nothing of it may show.
  if (name === undefined || rights === undefined || rest.length === 0) {
    throw new AuthConfigError(`${where} is incomplete: ${FORM}`)
  }
  if (!NAME.test(name)) {
    throw new AuthConfigError(`${where} has no usable name (1 to 64 of A-Z a-z 0-9 _ . -): ${FORM}`)
  }
  const at = rights.indexOf('@')
  const scopes = (at === -1 ? rights : rights.slice(0, at)).split('+')
  if (!scopes.every(isScope)) {
    throw new AuthConfigError(`${where} (${name}) has a scope that does not exist: ${FORM}`)
  }
  const namespaces = at === -1 ? undefined : rights.slice(at + 1).split('|')
  if (namespaces !== undefined && !namespaces.every(isNamespaceName)) {
    throw new AuthConfigError(
      `${where} (${name}) has a namespace that cannot be one; allowed: what channels begin with, before the colon, and @ for the inboxes of users: ${FORM}`,
    )
  }
  if (namespaces !== undefined && scopes.includes('admin')) {
    throw new AuthConfigError(
      `${where} (${name}) has the scope admin, which is not limited to namespaces: use publish and history, or leave out the namespaces`,
    )
  }
  const key = rest.join(':')
  if (key.length === 0) throw new AuthConfigError(`${where} (${name}) has an empty key: ${FORM}`)
  if (key.length < KEY_LENGTH_MIN && !rules.allowWeak) {
    throw new AuthConfigError(
      `${where} (${name}) has a key of ${key.length} characters; at least ${KEY_LENGTH_MIN} are needed, for example from: openssl rand -hex 32`,
    )
  }
  return new ApiKey({ name, scopes: [...new Set(scopes)], namespaces }, key)
}

function isScope(scope: string): scope is Scope {
  return (SCOPES as readonly string[]).includes(scope)
}

/** As `namespaceOf` names them. */
function isNamespaceName(name: string): boolean {
  return name === '@' || (isChannel(name) && !name.includes(':'))
}

/** What a request shows as its key, as bytes with its length behind them. Reused: nothing here waits. */
class ShownKey {
  readonly #bytes = Buffer.alloc(SHOWN_BYTES)
  #length = 0

  /** `undefined`: it is too long. */
  of(key: string): Buffer | undefined {
    const bytes = this.#bytes
    const before = this.#length
    this.#length = bytes.write(key, 0, SHOWN_BYTES - 1)
    if (this.#length < before) bytes.fill(0, this.#length, before)
    bytes[SHOWN_BYTES - 1] = this.#length
    return this.#length < SHOWN_BYTES - CHARACTER_BYTES_MAX ? bytes : undefined
  }
}

export class ApiKeys {
  readonly #keys: readonly ApiKey[]
  readonly #shown = new ShownKey()
  /** Reused, too. */
  readonly #digest = Buffer.alloc(DIGEST_BYTES)

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys
  }

  /**
   * Fails with `unauthorized` where no key or an unknown one is presented. What the key allows is another question.
   *
   * Every key is compared, found or not, so that the time tells nothing about which one is near. One that has been shown before is known by its
   * bytes: a digest for each request is half a microsecond, of the fifteen that a publish takes.
   */
  find(presented: string | undefined): Grant {
    if (presented === undefined || presented === '') {
      throw new SluiceError('unauthorized', 'an API key is missing')
    }
    const shown = this.#shown.of(presented)
    let found: ApiKey | undefined
    if (shown !== undefined) for (const key of this.#keys) if (key.wasShown(shown)) found = key
    return found ?? this.#proven(presented, shown)
  }

  #proven(presented: string, shown: Buffer | undefined): Grant {
    const digest = writeDigest(presented, this.#digest)
    let found: ApiKey | undefined
    for (const key of this.#keys) if (key.hasDigest(digest)) found = key
    if (found === undefined)
      throw new SluiceError('unauthorized', 'the API key is not one of the configured ones')
    if (shown !== undefined) found.remember(shown)
    return found
  }
}

/** In one shot and as text: objects would cost four times what the hashing does. */
function writeDigest(key: string, digest: Buffer): Buffer {
  digest.write(hash('sha256', key, 'binary'), 'latin1')
  return digest
}
