/**
 * The key, for as long as the tab is open, and what is asked with it. The key is in a header, never in an address.
 */

const STORED_AS = 'sluice.console.key'

/** What went wrong, as the node has said it, or that it has said nothing. */
export class Failure extends Error {
  override readonly name = 'Failure'
  /** 0: no answer. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

let kept: string | undefined

export function storedKey(): string | undefined {
  return kept ?? sessionStorage.getItem(STORED_AS) ?? undefined
}

/** `remember`: over a reload of this tab, too. */
export function keepKey(key: string, remember: boolean): void {
  kept = key
  if (remember) sessionStorage.setItem(STORED_AS, key)
}

export function forgetKey(): void {
  kept = undefined
  sessionStorage.removeItem(STORED_AS)
}

export const HERE = location.host

/** Fails with `Failure`. */
export async function request(
  key: string,
  path: string,
  more: { readonly method?: string; readonly body?: unknown; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  let answer
  try {
    answer = await fetch(path, {
      method: more.method ?? 'GET',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      cache: 'no-store',
      ...(more.body === undefined ? {} : { body: JSON.stringify(more.body) }),
      ...(more.signal === undefined ? {} : { signal: more.signal }),
    })
  } catch (error) {
    // What fetch says of a header that cannot be written would tell nobody what to do.
    if (error instanceof TypeError && !/^[\x20-\x7e]+$/.test(key))
      throw new Failure(401, 'a key has only letters, digits and signs of ASCII')
    throw new Failure(0, `the node at ${HERE} does not answer`)
  }
  if (answer.ok) return answer
  throw new Failure(answer.status, await reasonIn(answer))
}

/** Fails with `Failure`. */
export async function ask(
  key: string,
  path: string,
  more: { readonly method?: string; readonly body?: unknown } = {},
): Promise<unknown> {
  const answer = await request(key, path, more)
  try {
    return await answer.json()
  } catch {
    throw new Failure(0, `the answer of the node at ${HERE} was cut off`)
  }
}

async function reasonIn(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => '')
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } }
    if (typeof error?.message === 'string') return error.message
  } catch {
    // A proxy in between has answered, in its own words.
  }
  return `${HERE} answered with ${answer.status}, and not as a node does`
}
