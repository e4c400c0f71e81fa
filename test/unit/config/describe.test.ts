import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configFile } from './config-file.ts'
import { ALGORITHM_NAMES } from '../../../src/auth/algorithms.ts'
import { configurationJsonSchema, configurationPage } from '../../../src/config/describe.ts'
import { effectiveValues } from '../../../src/config/effective.ts'
import { loadConfig, loadConfigWithOrigins } from '../../../src/config/load.ts'
import { LEVELS } from '../../../src/config/log-section.ts'
import { JWT_ALGORITHMS } from '../../../src/config/auth-section.ts'
import { ALL_OPTIONS, ENV_OPTIONS, FLAG_OPTIONS, flagOf } from '../../../src/config/tree.ts'
import { LOG_LEVELS } from '../../../src/observe/log.ts'

const KEYS = {
  SLUICE_JWT_SECRET: 'a secret of thirty-two characters',
  SLUICE_API_KEYS: 'shop:publish:0123456789abcdef',
}

describe('the schema', () => {
  it('offers the algorithms that tokens are checked with, and the levels that the log has', () => {
    expect([...JWT_ALGORITHMS]).toEqual([...ALGORITHM_NAMES])
    expect([...LEVELS]).toEqual([...LOG_LEVELS])
  })

  it('has a sentence for every option', () => {
    for (const { path, about } of ALL_OPTIONS) {
      expect(about.doc, path.join('.')).toMatch(/\.$/)
      expect(about.allowed, path.join('.')).not.toBe('')
    }
  })

  it('has the variables that scripts rely on', () => {
    expect([...ENV_OPTIONS.keys()].sort()).toEqual([
      'SLUICE_ALLOWED_HOSTS',
      'SLUICE_ALLOWED_ORIGINS',
      'SLUICE_API_HOST',
      'SLUICE_API_KEYS',
      'SLUICE_API_PORT',
      'SLUICE_CLUSTER_SECRET',
      'SLUICE_COMPRESS_FROM',
      'SLUICE_DEPLOY',
      'SLUICE_DRAIN',
      'SLUICE_DRAIN_DEADLINE',
      'SLUICE_HOST',
      'SLUICE_JWKS_URL',
      'SLUICE_JWT_PUBLIC_KEY',
      'SLUICE_JWT_SECRET',
      'SLUICE_KUBERNETES_DELETION_COST',
      'SLUICE_LOG_CONNECTIONS',
      'SLUICE_LOG_LEVEL',
      'SLUICE_LOG_REPORTS',
      'SLUICE_NATS_CREDS_FILE',
      'SLUICE_NATS_NKEY_FILE',
      'SLUICE_NATS_URL',
      'SLUICE_NODE_ADDRESS',
      'SLUICE_POD_NAME',
      'SLUICE_PORT',
      'SLUICE_PROXY_PROTOCOL',
      'SLUICE_PUBLIC_URL',
      'SLUICE_REDIS_SENTINEL_PASSWORD',
      'SLUICE_REDIS_URL',
      'SLUICE_REGION',
      'SLUICE_ROLE',
      'SLUICE_SHARE_PORT',
      'SLUICE_TRUSTED_PROXIES',
      'SLUICE_VERSION',
    ])
  })

  it('has no flag for a secret, since the list of processes shows flags to everybody', () => {
    const flags = FLAG_OPTIONS.map(({ path }) => flagOf(path))
    expect(flags).toContain('--api-port')
    expect(flags.filter((flag) => /secret|keys/.test(flag))).toEqual([])
  })
})

describe('the page', () => {
  it('names every option, every variable and every flag', () => {
    const page = configurationPage()
    for (const { path } of ALL_OPTIONS) expect(page).toContain(`| \`${path.at(-1)}\` |`)
    for (const name of ENV_OPTIONS.keys()) expect(page).toContain(`| \`${name}\` |`)
    for (const { path } of FLAG_OPTIONS) expect(page).toContain(`\`${flagOf(path)}\``)
  })

  it('has an example that a node accepts', () => {
    const [, example = ''] = /```yaml\n([\s\S]+?)```/.exec(configurationPage()) ?? []
    const cluster = {
      SLUICE_NATS_URL: 'nats://a',
      SLUICE_REDIS_URL: 'redis://a',
      SLUICE_CLUSTER_SECRET: '0123456789abcdef',
    }
    const config = loadConfig({ env: { ...KEYS, ...cluster }, file: configFile(example) })
    expect(config.namespaces['orders']).toMatchObject({ delivery: 'durable', ttl: 120_000 })
  })
})

describe('the JSON Schema', () => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(configurationJsonSchema())

  it.each([
    'port: 9000',
    'limits: {frame: 1MB, buffered: 65536}',
    'namespaces: {news: {ttl: 5m, presence: true}}',
    '{}',
  ])('accepts %j', (text) => {
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true)
  })

  it.each([
    'prot: 9000',
    'port: "9000"',
    'limits: {frame: 1XB}',
    'namespaces: {news: {tll: 5m}}',
    'tls: {certFile: a}',
    'dev: true',
  ])('refuses %j', (text) => {
    expect(validate(parse(text))).toBe(false)
  })

  it('explains each option to an editor', () => {
    const { properties } = configurationJsonSchema() as {
      properties: Record<string, { description?: string }>
    }
    for (const [key, property] of Object.entries(properties)) expect(property.description, key).toMatch(/\.$/)
  })
})

describe('what applies', () => {
  const shown = (...given: Parameters<typeof loadConfigWithOrigins>) =>
    new Map(
      effectiveValues(loadConfigWithOrigins(...given)).map(({ key, value, origin }) => [
        key,
        `${value} ← ${origin}`,
      ]),
    )

  it('comes with where it came from', () => {
    const file = configFile('limits:\n  frame: 131072\nnamespaces:\n  "*": {max: 9}\n  news: {ttl: 90s}\n')
    const values = shown({ file, env: { ...KEYS, SLUICE_PORT: '9000' }, flags: { host: '::1' } })
    expect(values.get('limits.frame')).toBe(`128KiB ← ${file}:2`)
    expect(values.get('limits.payload')).toBe('64KiB ← default')
    expect(values.get('port')).toBe('9000 ← SLUICE_PORT')
    expect(values.get('host')).toBe('::1 ← --host')
    expect(values.get('namespaces.news.ttl')).toBe(`90s ← ${file}:5`)
    expect(values.get('namespaces.news.max')).toBe(`9 ← ${file}:4, by *`)
    expect(values.get('namespaces.@.ttl')).toBe('10m ← default')
    expect(values.get('auth.jwksUrl')).toBe('(not set) ← default')
  })

  it('shows no secret', () => {
    const secret = 'hunter2-hunter2-hunter2'
    const env = {
      SLUICE_JWT_SECRET: secret,
      SLUICE_API_KEYS: `shop:publish:${secret}`,
      SLUICE_CLUSTER_SECRET: secret,
      SLUICE_NATS_URL: `nats://user:${secret}@one:4222,nats://user:${secret}@two:4222`,
      SLUICE_REDIS_URL: `rediss://:${secret}@redis:6379/0`,
      SLUICE_JWKS_URL: `https://user:${secret}@id.example.com/jwks`,
    }
    const values = shown({ env })
    expect([...values.values()].join('\n')).not.toContain('hunter2')
    expect(values.get('nats.url')).toBe('nats://***@one:4222,nats://***@two:4222 ← SLUICE_NATS_URL')
    expect(values.get('auth.jwtSecret')).toBe('(hidden) ← SLUICE_JWT_SECRET')
  })
})
