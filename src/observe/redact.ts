/**
 * Keeps secrets out of the log: by the name of a field, and by the look of a text (a token can be inside a URL or a
 * foreign error's message, where no name gives it away).
 */

const REDACTED = '[redacted]'

const SECRET_NAME = /token|authorization|secret|passw|cookie|credential/i
/** `key` as a word of its own: `apiKey`, `private_key` and `keys` are secrets, a `monkey` is not. */
const KEY_NAME = /(?:^|[-_.]|[a-z](?=K)|api|private)[kK](?:ey|EY)s?$/
/** Names that only begin like a secret. */
const HARMLESS_NAME = /(?:Ms|Bytes|Count|At|Id|_id|Name)$/

/** Deeper than any field that the gateway logs; also where a circle ends. */
const DEPTH_MAX = 5

/** The same fields, with the value of each that is named like a secret replaced. Copies only what has to change. */
export function redactFields(fields: object): object {
  return redactAt(fields, 0) as object
}

function redactAt(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error || ArrayBuffer.isView(value)) {
    return value
  }
  if (depth === DEPTH_MAX) return '[…]'
  if (Array.isArray(value)) return value.map((item) => redactAt(item, depth + 1))
  let copy: Record<string, unknown> | undefined
  for (const [name, inner] of Object.entries(value)) {
    const clean = isSecret(name, inner) ? REDACTED : redactAt(inner, depth + 1)
    if (clean !== inner) {
      copy ??= { ...value }
      copy[name] = clean
    }
  }
  return copy ?? value
}

/** A number or a flag tells how many or whether, not which. */
function isSecret(name: string, value: unknown): boolean {
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return false
  return (SECRET_NAME.test(name) || KEY_NAME.test(name)) && !HARMLESS_NAME.test(name)
}

/**
 * Each stops at what ends a JSON string, so that a finished line stays valid JSON. None begins inside a run that it has
 * tried from its start already: a peer may have chosen the text, and the time must grow with its length only.
 */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/([?&](?:token|key|secret|password)=)[^&\s"'\\#]+/gi, `$1${REDACTED}`],
  // RFC 6750, section 2.1. Shorter words are prose about bearers.
  [/\b(Bearer) +[^\s"'\\,;]{8,}/gi, `$1 ${REDACTED}`],
  // The credentials of a URL (RFC 3986, section 3.2.1).
  [/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)[^/@\s"'\\]+@/gi, `$1${REDACTED}@`],
  // A JWS in its compact form (RFC 7515, section 7.1): its header is a JSON object, which begins with `eyJ`.
  [/(?<![\w-])eyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g, REDACTED],
]

/** The same text without what looks like a token, a key in a URL or a password in a URL. */
export function redactText(text: string): string {
  let clean = text
  for (const [pattern, replacement] of SECRET_TEXTS) clean = clean.replace(pattern, replacement)
  return clean
}
