/** What is in a token, read here: nothing of it leaves the page, and nothing is checked but the form and the time. */

interface Claims {
  readonly sub?: unknown
  readonly exp?: unknown
  readonly sluice?: { readonly subscribe?: unknown; readonly publish?: unknown }
}

export function inspectTokens(root: HTMLElement): { current(token: string): void } {
  const field = root.querySelector('textarea') as HTMLTextAreaElement
  const verdict = root.querySelector('.verdict') as HTMLElement
  const shown = root.querySelector('.claims') as HTMLElement
  /** Somebody has put one of theirs there. */
  let own = false
  const show = (): void => {
    const { text, good, claims } = read(field.value.trim(), Date.now())
    verdict.textContent = text
    verdict.dataset['kind'] = good ? 'good' : 'bad'
    shown.textContent = claims === undefined ? '' : JSON.stringify(claims, undefined, 2)
  }
  field.addEventListener('input', () => {
    own = field.value !== ''
    show()
  })
  return {
    current(token) {
      if (own) return
      field.value = token
      show()
    },
  }
}

function read(
  token: string,
  nowMs: number,
): { readonly text: string; readonly good: boolean; readonly claims: Claims | undefined } {
  const [head, body, signature, ...more] = token.split('.')
  const claims = body === undefined || signature === undefined || more.length > 0 ? undefined : decoded(body)
  if (claims === undefined || decoded(head ?? '') === undefined)
    return {
      text: 'This is no token: three parts with dots between, the first two JSON in Base64url',
      good: false,
      claims: undefined,
    }
  const { sub, exp, sluice } = claims
  if (typeof sub !== 'string') return { text: 'It names no user (sub)', good: false, claims }
  const rights = `${sub} may subscribe to ${list(sluice?.subscribe)} and publish to ${list(sluice?.publish)}`
  if (typeof exp !== 'number') return { text: `${rights}; it never expires`, good: true, claims }
  const seconds = Math.round(exp - nowMs / 1000)
  const at = new Date(exp * 1000).toLocaleTimeString()
  return seconds > 0
    ? { text: `${rights}; good until ${at}`, good: true, claims }
    : { text: `Expired at ${at}: ${rights}`, good: false, claims }
}

function list(patterns: unknown): string {
  return Array.isArray(patterns) && patterns.length > 0 ? patterns.join(', ') : 'nothing'
}

function decoded(part: string): Claims | undefined {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (one) =>
      one.charCodeAt(0),
    )
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
