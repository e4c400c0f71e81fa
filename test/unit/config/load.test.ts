import { describe, expect, it } from 'vitest'
import { configFile } from './config-file.ts'
import { ConfigError } from '../../../src/config/config-error.ts'
import { type ConfigSources, loadConfig } from '../../../src/config/load.ts'

/** What a node needs at least. */
const MINIMAL = {
  SLUICE_JWT_SECRET: 'a secret of thirty-two characters',
  SLUICE_API_KEYS: 'shop:publish:0123456789abcdef',
}

describe('what applies', () => {
  it('the defaults are those of the documentation, in milliseconds and bytes', () => {
    const config = loadConfig({ env: MINIMAL })
    expect(config).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      allowedOrigins: [],
      dev: false,
      api: { host: '127.0.0.1', port: 8081 },
      auth: { cookie: 'sluice_token', clockTolerance: 5000, reauthInterval: 2_700_000 },
      limits: { frame: 66_560, bytesPerSecond: 1_048_576, connectTimeout: 5000 },
      heartbeat: { ping: 25_000, idleTimeout: 60_000 },
      drain: { plan: '5%/2m', deregisterDelay: 10_000 },
    })
    expect(config.tls).toBeUndefined()
  })

  it('an absent option is absent, not undefined', () => {
    expect(Object.keys(loadConfig({ env: MINIMAL }).auth)).not.toContain('jwksUrl')
  })

  it('the environment is above the file, flags are above both, and settings of a program above all', () => {
    const file = configFile('port: 1001\nhost: 10.0.0.1\nlog: {level: debug}\nlimits: {frame: 128KiB}\n')
    const given: ConfigSources = {
      file,
      env: { ...MINIMAL, SLUICE_PORT: '1002', SLUICE_HOST: '10.0.0.2' },
      flags: { host: '10.0.0.3' },
    }
    const expected = { port: 1002, host: '10.0.0.3', log: { level: 'debug' }, limits: { frame: 131_072 } }
    expect(loadConfig(given)).toMatchObject(expected)
    expect(loadConfig({ ...given, settings: { host: '10.0.0.4' } }).host).toBe('10.0.0.4')
  })

  it('SLUICE_CONFIG names the file, and --config wins over it', () => {
    const one = configFile('port: 1001')
    const other = configFile('port: 1002')
    expect(loadConfig({ env: { ...MINIMAL, SLUICE_CONFIG: one } }).port).toBe(1001)
    expect(loadConfig({ env: { ...MINIMAL, SLUICE_CONFIG: one }, file: other }).port).toBe(1002)
  })

  it('a file may be JSON, also with tabs', () => {
    const file = configFile('{\n\t"port": 1001,\n\t"limits": {"frame": "1MB"}\n}', 'sluice.json')
    expect(loadConfig({ env: MINIMAL, file })).toMatchObject({ port: 1001, limits: { frame: 1_000_000 } })
  })

  it('an empty file and empty sections set nothing', () => {
    expect(loadConfig({ env: MINIMAL, file: configFile('') })).toEqual(loadConfig({ env: MINIMAL }))
    const file = configFile('limits:\n  # frame: 1MB\nnamespaces:\n')
    expect(loadConfig({ env: MINIMAL, file })).toEqual(loadConfig({ env: MINIMAL }))
  })

  it.each([
    ['42', 42],
    ['2026-03-01T12:00:00Z', Date.UTC(2026, 2, 1, 12)],
    ['2026-03-01T12:00+01:00', Date.UTC(2026, 2, 1, 11)],
  ])('a deploy is a whole number or a time: %s', (said, generation) => {
    expect(loadConfig({ env: { SLUICE_DEPLOY: said }, dev: true }).node.generation).toBe(generation)
  })

  it.each(['-1', '1.5', 'soon', '2026-03-01', '2026-03-01T12:00:00'])('%s is no deploy', (said) => {
    expect(() => loadConfig({ env: { SLUICE_DEPLOY: said }, dev: true })).toThrow(
      /node\.generation \(SLUICE_DEPLOY\)/,
    )
  })

  it('an empty variable sets nothing', () => {
    expect(loadConfig({ env: { ...MINIMAL, SLUICE_PORT: '', SLUICE_CONFIG: '' } }).port).toBe(8080)
  })

  it('lists are lists or texts with commas', () => {
    const file = configFile(
      'auth: {audience: realtime, issuer: [a, b]}\ntrustedProxies: 10.0.0.1, 10.1.0.0/16\n',
    )
    const config = loadConfig({
      file,
      env: { ...MINIMAL, SLUICE_ALLOWED_ORIGINS: 'https://a.example,https://b.example' },
    })
    expect(config.auth).toMatchObject({ audience: ['realtime'], issuer: ['a', 'b'] })
    expect(config.trustedProxies).toEqual(['10.0.0.1', '10.1.0.0/16'])
    expect(config.allowedOrigins).toEqual(['https://a.example', 'https://b.example'])
  })

  it('everything is frozen, also within', () => {
    const config = loadConfig({ env: MINIMAL, file: configFile('namespaces: {news: {ttl: 5m}}') })
    for (const part of [
      config,
      config.limits,
      config.api.keys,
      config.namespaces,
      config.namespaces['news'],
    ]) {
      expect(part).toBeDefined()
      expect(Object.isFrozen(part)).toBe(true)
    }
  })

  it('what Kubernetes says of a Service named sluice is ignored', () => {
    const links = {
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_SERVICE_PORT: '8080',
      SLUICE_SERVICE_PORT_HTTP: '8080',
      SLUICE_PORT: 'tcp://10.0.0.1:8080',
      SLUICE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      SLUICE_PORT_8080_TCP_PROTO: 'tcp',
      SLUICE_PORT_8080_TCP_ADDR: '10.0.0.1',
      SLUICE_API_PORT: 'tcp://10.0.0.2:8081',
      SLUICE_CONSOLE_PORT: 'tcp://10.0.0.3:80',
      SLUICE_CONSOLE_SERVICE_HOST: '10.0.0.3',
    }
    expect(loadConfig({ env: { ...MINIMAL, ...links } })).toEqual(loadConfig({ env: MINIMAL }))
  })

  it('variables of the command line tool and of others are left alone', () => {
    const env = { ...MINIMAL, SLUICE_API_KEY: 'x', SLUICE_TOKEN: 'x', SLUICEGATE: 'x', PATH: '/bin' }
    expect(loadConfig({ env })).toEqual(loadConfig({ env: MINIMAL }))
  })
})

describe('namespaces', () => {
  const load = (text: string) => loadConfig({ env: MINIMAL, file: configFile(text) }).namespaces

  it('take from * what they do not set', () => {
    const namespaces = load('namespaces:\n  "*": {ttl: 2m, max: 50}\n  news: {max: 7}\n')
    expect(namespaces['*']).toMatchObject({ ttl: 120_000, max: 50, delivery: 'replay' })
    expect(namespaces['news']).toMatchObject({ ttl: 120_000, max: 7, delivery: 'replay' })
  })

  it('are complete without being mentioned', () => {
    const namespaces = load('')
    expect(namespaces['*']).toEqual({
      delivery: 'replay',
      ttl: 60_000,
      max: 1000,
      idempotency: 120_000,
      presence: false,
      slowConsumer: 'catch-up',
      clientPublish: 'deny',
      onLogFailure: 'refuse',
    })
    expect(namespaces['@']).toEqual({ ...namespaces['*'], ttl: 600_000 })
  })

  it('of inboxes keep their messages for 10 minutes unless @ itself says otherwise', () => {
    expect(load('namespaces: {"*": {ttl: 1h}}')['@'].ttl).toBe(600_000)
    expect(load('namespaces: {"@": {ttl: 1h}}')['@'].ttl).toBe(3_600_000)
    expect(load('namespaces: {"*": {max: 9}}')['@'].max).toBe(9)
  })

  it('may have the names of what every object has', () => {
    const namespaces = load('namespaces: {constructor: {max: 3}, valueOf: {max: 4}}')
    expect(Object.hasOwn(namespaces, 'constructor')).toBe(true)
    expect(namespaces['valueOf']).toMatchObject({ max: 4 })
  })

  it('may share settings by an anchor of YAML', () => {
    const namespaces = load('namespaces:\n  a: &kept {ttl: 1h}\n  b: *kept\n')
    expect(namespaces['b']?.ttl).toBe(3_600_000)
  })
})

describe('sluice dev', () => {
  it('needs nothing, and lets only this machine in', () => {
    const config = loadConfig({ dev: true })
    expect(config).toMatchObject({
      dev: true,
      host: '127.0.0.1',
      allowedOrigins: [],
      devTokens: true,
      api: { host: '127.0.0.1' },
    })
    expect(config.api.keys).toEqual(['dev:publish+history+admin:dev'])
    expect(config.namespaces['*'].clientPublish).toBe('fanout')
  })

  it('makes a secret of 32 random bytes for each run', () => {
    const secrets = [1, 2].map(() => loadConfig({ dev: true }).auth.jwtSecret ?? '')
    expect(Buffer.from(secrets[0] ?? '', 'base64url')).toHaveLength(32)
    expect(secrets[0]).not.toBe(secrets[1])
  })

  it('is overridden by the file and the environment', () => {
    const file = configFile('namespaces: {"*": {clientPublish: deny}}\nallowedOrigins: [https://a.example]')
    const config = loadConfig({ dev: true, file, env: { ...MINIMAL, SLUICE_HOST: '0.0.0.0' } })
    expect(config).toMatchObject({
      host: '0.0.0.0',
      allowedOrigins: ['https://a.example'],
      api: { keys: [MINIMAL.SLUICE_API_KEYS] },
      auth: { jwtSecret: MINIMAL.SLUICE_JWT_SECRET },
      devTokens: false,
    })
    expect(config.namespaces['*'].clientPublish).toBe('deny')
  })
})

describe('what is refused', () => {
  const complaintsOf = (given: ConfigSources): readonly string[] => {
    try {
      loadConfig({ dev: true, ...given })
    } catch (error) {
      if (error instanceof ConfigError) return error.complaints
      throw error
    }
    return []
  }
  const inFile = (text: string) => {
    const file = configFile(text)
    return complaintsOf({ file }).map((line) => line.replaceAll(file, 'FILE'))
  }

  it('a wrong value is named with its key, its place in the file and what is allowed', () => {
    expect(inFile('\nlimits:\n  frame: 3q\n')).toEqual([
      'limits.frame (FILE:3) is "3q"; allowed: a size from 8KiB to 64MiB, such as 64KiB, 64kB or 1MB, or a number of bytes',
    ])
    expect(inFile('port: "8080"')).toEqual([
      'port (FILE:1) is "8080"; allowed: a whole number from 0 to 65535',
    ])
    expect(inFile('heartbeat: {idleTimeout: 7s}')).toEqual([
      'heartbeat.idleTimeout (FILE:1) is "7s"; allowed: a time from 8s to 960s, such as 250ms, 10s, 45m, 2h or 1d, or a number of milliseconds',
    ])
    expect(inFile('log: {level: loud, pretty: 1}')).toEqual([
      'log.level (FILE:1) is "loud"; allowed: debug, info, warn, error or silent',
      'log.pretty (FILE:1) is 1; allowed: true, false or auto',
    ])
  })

  it('a wrong value is named with its variable or its flag', () => {
    expect(complaintsOf({ env: { SLUICE_PORT: '80a' } })).toEqual([
      'port (SLUICE_PORT) is "80a"; allowed: a whole number from 0 to 65535',
    ])
    expect(complaintsOf({ flags: { 'api.port': '70000' } })).toEqual([
      'api.port (--api-port) is 70000; allowed: a whole number from 0 to 65535',
    ])
    expect(complaintsOf({ settings: { log: { level: 'loud' as 'info' } } })).toEqual([
      'log.level (given by the program) is "loud"; allowed: debug, info, warn, error or silent',
    ])
  })

  it('an item of a list is named by its place in it', () => {
    expect(complaintsOf({ env: { SLUICE_ALLOWED_ORIGINS: 'https://a.example,https://b.example/' } })).toEqual(
      [
        'allowedOrigins[1] (SLUICE_ALLOWED_ORIGINS) is "https://b.example/"; allowed: origins such as https://app.example.com (lower case, without a path or a default port), or * with sluice dev only',
      ],
    )
  })

  it('an unknown key comes with the one that was probably meant, and the allowed ones', () => {
    expect(inFile('sessions: {tll: 5m}')).toEqual([
      'sessions.tll (FILE:1) is not an option; did you mean sessions.ttl? allowed in sessions: ttl',
    ])
    expect(inFile('namespaces:\n  news:\n    presense: true')).toEqual([
      'namespaces.news.presense (FILE:3) is not an option; did you mean namespaces.news.presence? allowed in namespaces.news: delivery, ttl, max, idempotency, presence, slowConsumer, clientPublish, onLogFailure',
    ])
  })

  it.each([
    ['jwtSecret: x', 'auth.jwtSecret'],
    ['natsUrl: x', 'nats.url'],
    ['api_keys: x', 'api.keys'],
    ['limits: {ping: 5s}', 'heartbeat.ping'],
  ])('%j is pointed to the section it belongs to', (text, meant) => {
    expect(inFile(text)).toEqual([expect.stringContaining(`did you mean ${meant}? `)])
  })

  it('an unknown variable comes with the one that was probably meant', () => {
    const [complaint] = complaintsOf({ env: { SLUICE_JWT_SECRETT: 'hunter2' } })
    expect(complaint).toMatch(
      /^the environment variable SLUICE_JWT_SECRETT is .*did you mean SLUICE_JWT_SECRET\? /,
    )
    expect(complaint).not.toContain('hunter2')
  })

  it('dev is not for files', () => {
    expect(inFile('dev: true')).toEqual([
      'dev (FILE:1) cannot be set here: a node is for development when it is started by sluice dev',
    ])
  })

  it('a section that is none, and a missing half of one', () => {
    expect(inFile('sessions: 5m')).toEqual([
      'sessions (FILE:1) is a text; allowed: a section with the keys ttl',
    ])
    expect(inFile('tls: {certFile: a.pem}')).toEqual([
      'tls.keyFile is missing, and tls (FILE:1) needs it; allowed: the path of a file',
    ])
    expect(inFile('port:')).toEqual(['port (FILE:1) is empty; allowed: a whole number from 0 to 65535'])
    expect(inFile('port: [1]')).toEqual(['port (FILE:1) is a list; allowed: a whole number from 0 to 65535'])
  })

  it('a name that no client can ask for in a handshake', () => {
    const files = '{ certFile: a, keyFile: b }'
    for (const name of [
      'Rt.Example.com',
      '192.0.2.1',
      'a.*.example',
      '*',
      'a..b',
      '-a.b',
      `${'a'.repeat(64)}.b`,
    ]) {
      expect(
        inFile(`tls: { certFile: a, keyFile: b, names: { ${JSON.stringify(name)}: ${files} } }`),
      ).toEqual([
        expect.stringMatching(
          /^tls\.names\..* \(FILE:1\) is not a server name; a server name is a host name in lower case/,
        ),
      ])
    }
    expect(inFile(`tls: { certFile: a, keyFile: b, names: { localhost: { certFile: a } } }`)).toEqual([
      expect.stringMatching(/^tls\.names\.localhost\.keyFile is missing/),
    ])
  })

  it('a name that is no namespace', () => {
    expect(inFile('namespaces: {"a:b": {}}')).toEqual([
      expect.stringMatching(/^namespaces\.a:b \(FILE:1\) is not a namespace; a namespace is \*, @, or /),
    ])
  })

  it('a key that would change what every object is', () => {
    expect(inFile('namespaces: {__proto__: {max: 1}}')).toEqual([
      'namespaces.__proto__ (FILE:1) is not a key',
    ])
  })

  it('a file that cannot be read or parsed', () => {
    expect(complaintsOf({ file: '/nowhere/sluice.yaml' })).toEqual([
      'the configuration file /nowhere/sluice.yaml (--config) cannot be read: there is no such file',
    ])
    expect(complaintsOf({ env: { SLUICE_CONFIG: '/' } })).toEqual([
      'the configuration file / (SLUICE_CONFIG) cannot be read: it is a directory',
    ])
    expect(inFile('port: 1\nport: 2\n')).toEqual(['FILE:2 is not YAML or JSON: Map keys must be unique'])
    expect(inFile('- port')).toEqual([expect.stringContaining('FILE is not a configuration')])
  })

  it('of several faults the message names the first and their number, and is one line', () => {
    const error = (() => {
      try {
        return loadConfig({ dev: true, env: { SLUICE_PORT: 'a\nb', SLUICE_API_PORT: 'x', SLUICE_ROLE: 'y' } })
      } catch (thrown) {
        return thrown as ConfigError
      }
    })()
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).message).toBe(
      String.raw`port (SLUICE_PORT) is "a\nb"; allowed: a whole number from 0 to 65535 (and 2 more: sluice config check lists all)`,
    )
  })

  it('no complaint shows a secret', () => {
    const secret = 'hunter2'
    const all = [
      ...complaintsOf({
        env: { SLUICE_CLUSTER_SECRET: secret, SLUICE_API_KEYS: `${secret},shop:${secret}` },
      }),
      ...complaintsOf({
        env: { SLUICE_NATS_URL: `nats://user:${secret}@`, SLUICE_REDIS_URL: `user:${secret}@redis` },
      }),
      ...complaintsOf({ env: { SLUICE_NATS_URL: `nats://user:${secret}@nats` } }),
      ...inFile(`auth: {jwtSecret: [${secret}]}`),
      ...inFile(`auth: ${secret}`),
      ...inFile(`auth: {secret: ${secret}}`),
      ...inFile(`auth:\n  jwtSecret: "${secret}\n  x: ]`),
      ...inFile(`auth: {jwtSecret: a, jwtSecret: ${secret}}`),
      ...inFile(secret),
    ]
    expect(all.length).toBeGreaterThanOrEqual(10)
    for (const line of all) expect(line).not.toContain(secret)
  })
})
