/** Stands in until the API room is complete. */
import type { HttpExchange, Listener } from '../drivers/uws.ts'
import { asSluiceError, SluiceError } from '../errors.ts'
import { rawElements, rawMember } from '../protocol/raw-json.ts'
import type { Publisher } from '../publish/publisher.ts'
import type { Health } from '../observe/health.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { ApiKeys } from '../auth/api-keys.ts'

export function attachApi(
  listener: Listener,
  ports: {
    publisher: Publisher
    health: Health
    metrics: Metrics
    keys: ApiKeys
    mint: ((sub: string, subscribe: string[], publish: string[]) => Promise<string>) | undefined
  },
): void {
  const one = async (raw: string): Promise<object> => {
    const o = JSON.parse(raw) as {
      channel?: string
      user?: string
      id?: string
      encoding?: string
      data?: string
    }
    const text = rawMember(raw, 'data')
    if (text === undefined) throw new SluiceError('bad_request', 'data is missing')
    const payload =
      o.encoding === 'base64'
        ? { data: Buffer.from(o.data as string, 'base64'), binary: true }
        : { data: Buffer.from(text), binary: false }
    return ports.publisher.publish({
      door: 'http',
      target: o.channel !== undefined ? { channel: o.channel } : { user: o.user as string },
      payload,
      id: o.id,
    })
  }
  const json = (x: HttpExchange, status: number, body: unknown): void =>
    x.respond(status, { 'content-type': 'application/json' }, JSON.stringify(body))
  listener.http({
    bodyBytesMax: 4 << 20,
    async handle(x) {
      const { path, headers } = x.head
      if (path === '/metrics')
        return x.respond(200, { 'content-type': ports.metrics.contentType }, await ports.metrics.text())
      if (path === '/readyz' || path === '/livez' || path === '/startupz') {
        const v =
          path === '/readyz'
            ? ports.health.ready()
            : path === '/livez'
              ? ports.health.live()
              : ports.health.started()
        return x.respond(v.ok ? 200 : 503, {}, v.reason)
      }
      if (path === '/healthz/deep') return json(x, 200, ports.health.deep())
      const key = headers.authorization?.replace(/^Bearer /i, '') ?? headers['x-api-key']
      if (path === '/v1/dev/token' && ports.mint !== undefined) {
        ports.keys.check(key, 'admin')
        const b = JSON.parse((await x.body()).toString()) as {
          sub: string
          subscribe: string[]
          publish: string[]
        }
        return json(x, 200, { token: await ports.mint(b.sub, b.subscribe, b.publish) })
      }
      if (path !== '/v1/publish') throw new SluiceError('not_found', 'nothing here')
      ports.keys.check(key, 'publish')
      const body = (await x.body()).toString()
      if (body.trimStart().startsWith('[')) {
        JSON.parse(body)
        return json(
          x,
          200,
          await Promise.all(
            rawElements(body).map((raw) =>
              one(raw).catch((e: unknown) => ({
                error: { code: asSluiceError(e).code, message: asSluiceError(e).message },
              })),
            ),
          ),
        )
      }
      json(x, 200, await one(body))
    },
    failed(x, error) {
      const e = asSluiceError(error)
      json(x, e.status, { error: { code: e.code, message: e.message } })
    },
  })
}
