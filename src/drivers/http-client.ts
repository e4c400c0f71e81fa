/**
 * Asks a second listener over HTTP, or over HTTPS with a CA of one's own, which `fetch` cannot be given. Answers are small
 * texts. Redirects are not followed: a key would go with them.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { requesterOf } from './outgoing.ts'

export interface HttpQuestion {
  /** `http:` or `https:`. */
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Certificates in PEM. Absent: those that the system trusts. */
  readonly ca?: string | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** A longer answer is given up: who knows who answers. */
  readonly answerBytesMax: number
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Fails where no whole answer came in time: with `ETIMEDOUT`, `EMSGSIZE`, or the code of what went wrong. */
export function askHttp(question: HttpQuestion): Promise<HttpAnswer> {
  const { url, method, headers, body, ca, timeoutMs, signal, answerBytesMax } = question
  const request = requesterOf(url)
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, ...(ca === undefined ? {} : { ca }) })
    const settle = (): void => {
      clearTimeout(timeout)
      signal?.removeEventListener('abort', aborted)
    }
    const fail = (error: unknown): void => {
      settle()
      sent.destroy()
      reject(error instanceof Error ? error : new Error(String(error)))
    }
    const aborted = (): void => fail(signal?.reason)
    const timeout = setTimeout(
      () => fail(withCode('ETIMEDOUT', 'the answer did not come in time')),
      timeoutMs,
    )
    if (signal?.aborted === true) {
      aborted()
      return
    }
    signal?.addEventListener('abort', aborted)
    sent.on('error', fail)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('error', fail)
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > answerBytesMax)
          fail(withCode('EMSGSIZE', `the answer is larger than ${answerBytesMax} bytes`))
        else chunks.push(chunk)
      })
      response.on('end', () => {
        settle()
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
    })
    sent.end(body)
  })
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
