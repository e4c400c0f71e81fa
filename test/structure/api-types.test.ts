import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { expect, it } from 'vitest'
import { openApi } from '../../src/api/openapi.ts'

/** The types of `@sluice/server` are those of the API's own description. `npm run types:api` writes them. */

const FILE = new URL('../../packages/server/src/api-types.ts', import.meta.url)

/** What the package asks for. */
const USED = [
  '/v1/publish',
  '/v1/channels/{channel}',
  '/v1/channels/{channel}/messages',
  '/v1/users/{user}',
  '/v1/users/{user}/sessions',
  '/v1/users/{user}/revoke',
  '/v1/users/{user}/subscribe',
  '/v1/users/{user}/unsubscribe',
  '/v1/users/{user}/channels',
]
const USED_SCHEMAS = ['Position', 'Error', 'Message', 'Published', 'Result', 'Channel', 'Messages', 'User']

interface Described {
  readonly openapi: string
  readonly info: object
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

interface Generator {
  readonly default: (document: object) => Promise<readonly object[]>
  readonly astToString: (ast: readonly object[]) => string
}

/** With what works only: errors are the same everywhere. */
function usedOf({ openapi, info, paths, components }: Described): object {
  const worked = USED.map((path) => {
    const operations = Object.entries(paths[path] ?? {}).map(([method, { responses, ...operation }]) => [
      method,
      { ...operation, responses: { '200': (responses as Record<string, unknown>)['200'] } },
    ])
    return [path, Object.fromEntries(operations)] as const
  })
  const schemas = USED_SCHEMAS.map((name) => [name, components.schemas[name]])
  return {
    ...{ openapi, info },
    paths: Object.fromEntries(worked),
    components: { schemas: Object.fromEntries(schemas) },
  }
}

it('are up to date: npm run types:api', async () => {
  // It needs a compiler of its own, which is installed beside it.
  const generator = createRequire(new URL('../../packages/server/package.json', import.meta.url)).resolve(
    'openapi-typescript',
  )
  const { default: generate, astToString } = (await import(
    /* @vite-ignore */ pathToFileURL(generator).href.replace(/\.cjs$/, '.mjs')
  )) as Generator
  const ast = await generate(usedOf(openApi() as Described))
  const text = `/** Made by \`npm run types:api\` from the description of the API: change that, not this. */\n${astToString(ast)}`
  const options = await resolveConfig(FILE)
  await expect(await format(text, { ...options, parser: 'typescript' })).toMatchFileSnapshot(FILE.pathname)
})
