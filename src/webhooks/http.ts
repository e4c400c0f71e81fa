/**
 * A backend that is told over HTTP. Only what the configuration names is ever called: a redirect is a refusal.
 */
import type { Sent } from './target.ts'
import type { Written } from './words.ts'
import { askHttp } from '../drivers/http-client.ts'

/** Nothing of the answer is of interest. */
const ANSWER_BYTES_MAX = 65_536
const REST_MAX_MS = 3_600_000

/** Never fails. */
export async function sendHttp(url: string, { headers, body }: Written, timeoutMs: number): Promise<Sent> {
  try {
    const answer = await askHttp({
      ...{ url, headers, body, timeoutMs },
      method: 'POST',
      answerBytesMax: ANSWER_BYTES_MAX,
    })
    if (answer.status >= 200 && answer.status < 300) return { taken: true }
    const seconds = Number(answer.headers['retry-after'])
    const restMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, REST_MAX_MS) : undefined
    return { taken: false, why: `it answered ${answer.status}`, ...(restMs === undefined ? {} : { restMs }) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { taken: false, why: `it cannot be reached (${code ?? 'no answer'})` }
  }
}
