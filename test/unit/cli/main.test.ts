import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deadUrl, fakeGateway } from './fake-gateway.ts'
import { FakeTerminal, run } from './fake-terminal.ts'
import { main } from '../../../src/cli/main.ts'
import { CertificateAuthority } from '../../support/certificates.ts'
import { configFile } from '../config/config-file.ts'

const COMMANDS = ['dev', 'serve', 'publish', 'tail', 'token', 'config']

describe('help', () => {
  it.each([['--help'], ['help']])('%s names every command, with examples, and ends well', async (word) => {
    const { code, out } = await run([word])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'))
    expect(out).toContain('Examples:')
  })

  it.each(COMMANDS)('%s has a help text with examples', async (command) => {
    const { code, out, err } = await run([command, '--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^Usage: sluice /)
    expect(out).toMatch(/Examples:\n {2}\$ /)
  })

  it('shows the defaults that apply to the command', async () => {
    const hostOf = async (command: string): Promise<string | undefined> =>
      /--host <value> +host \((.*)\)/.exec((await run([command, '--help'])).out)?.[1]
    expect(await hostOf('dev')).toBe('SLUICE_HOST, by default 127.0.0.1')
    expect(await hostOf('serve')).toBe('SLUICE_HOST, by default 0.0.0.0')
    expect((await run(['serve', '--help'])).out).not.toMatch(/by\s+default\s+\)/)
  })

  it('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(await run(['--version'])).toEqual({ code: 0, out: version, err: '' })
  })
})

it('drain --version means the version of nodes', async () => {
  const { code, out, err } = await run(['drain', '--version', '1.4.*', '--url', 'http://127.0.0.1:1'])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain('127.0.0.1:1')
})

const RUNNING = {
  id: 'drain-1',
  kind: 'drain',
  state: 'running',
  by: 'ops',
  what: 'node n1',
  at: 0,
  plan: '5m',
  planFrom: 0,
  parallel: 1,
  nodes: [{ id: 'n1', region: 'eu', version: '1', clients: 2, part: 'moving' }],
  total: 2,
  remaining: 2,
  elapsedMs: 0,
  ratePerSecond: 0,
  told: 0,
  moved: 0,
  resumed: 0,
  returned: 0,
  forced: 0,
  unseen: 0,
  replayed: 0,
  overlapped: 0,
  transports: {},
}

it('drain --watch goes on through failures that say nothing of the drain, and ends when that has ended', async () => {
  const over = {
    ...RUNNING,
    state: 'done',
    endedAt: 5,
    remaining: 0,
    nodes: [{ ...RUNNING.nodes[0], part: 'gone' }],
  }
  const answers = [
    { status: 200, body: { job: RUNNING } },
    { status: 503, body: { error: { code: 'unavailable', message: 'Redis cannot be reached now' } } },
    { status: 200, body: { job: over } },
  ]
  const { url, requests } = await fakeGateway(({ method, path }) => {
    if (path !== '/v1/drains') return answers.shift() ?? { status: 500, body: {} }
    return method === 'POST'
      ? {
          status: 200,
          body: { job: RUNNING, forecast: { total: 2, takesMs: 1, takers: [], inTheWay: ['a wall'] } },
        }
      : { status: 200, body: { jobs: [] } }
  })
  const { code, out, err } = await run([
    'drain',
    'n1',
    '--over',
    '5m',
    '--reason',
    'why',
    '--watch',
    '--url',
    url,
  ])
  expect({ code, err }).toMatchObject({ code: 0 })
  expect(err).toContain('in the way: a wall')
  expect(out).toMatch(/^drain-1\n/)
  expect(out).toMatch(/^n1 +eu +1 +gone/m)
  const begun = requests.find(({ method }) => method === 'POST')
  expect(JSON.parse(begun?.body ?? '')).toEqual({ nodes: ['n1'], plan: '5m', reason: 'why' })
  expect(requests.filter(({ path }) => path === '/v1/drains/drain-1')).toHaveLength(3)
})

it('drain --watch goes on at another node of those that it was given when the one that it asks goes away', async () => {
  const over = { ...RUNNING, state: 'done', endedAt: 5 }
  const gone = await fakeGateway(() => ({ status: 200, body: { job: RUNNING } }))
  const stays = await fakeGateway(() => ({ status: 200, body: { job: over } }))
  const watched = run(['drain', '--watch', 'drain-1', '--json', '--url', `${gone.url},${stays.url}`])
  await expect.poll(() => gone.requests.length).toBeGreaterThan(0)
  expect(stays.requests).toEqual([])
  gone.close()
  const { code, out, err } = await watched
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('"state":"done"')
})

it('what changes something is asked for at the next node only where the first has never heard of it', async () => {
  const stays = await fakeGateway(() => ({ status: 200, body: { jobs: [RUNNING], job: RUNNING } }))
  const dead = await deadUrl()
  expect((await run(['drain', 'drain-1', '--pause', '--url', `${dead}, ${stays.url}`])).code).toBe(0)
  expect(stays.requests.map(({ method }) => method)).toContain('POST')
  const other = await fakeGateway(() => ({ status: 200, body: { jobs: [RUNNING], job: RUNNING } }))
  const cuts = await fakeGateway(({ method }) =>
    method === 'GET' ? { status: 200, body: { jobs: [RUNNING] } } : undefined,
  )
  const cut = await run(['drain', 'drain-1', '--pause', '--url', `${cuts.url},${other.url}`])
  expect(cut).toMatchObject({ code: 1, err: expect.stringContaining('the connection was cut') as string })
  expect(other.requests.filter(({ method }) => method === 'POST')).toEqual([])
})

it('what is said of a node goes to the drain that it is part of: to all of it where it is alone, else to the node', async () => {
  const alone = { ...RUNNING, nodes: [{ id: 'n1', part: 'moving' }] }
  const several = { ...RUNNING, id: 'drain-2', nodes: ['n2', 'n3'].map((id) => ({ id, part: 'waiting' })) }
  const { url, requests } = await fakeGateway(({ path }) =>
    path === '/v1/drains'
      ? { status: 200, body: { jobs: [alone, several] } }
      : { status: 200, body: { job: RUNNING } },
  )
  expect((await run(['drain', 'n1', '--pause', '--url', url])).code).toBe(0)
  expect((await run(['drain', 'n2', '--cancel', '--url', url])).code).toBe(0)
  expect((await run(['drain', 'drain-2', '--over', '1m', '--url', url])).code).toBe(0)
  expect(await run(['drain', 'n9', '--cancel', '--url', url])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no drain of that runs') as string,
  })
  expect(
    requests.flatMap(({ method, path, body }) => (method === 'GET' ? [] : [[method, path, body]])),
  ).toEqual([
    ['POST', '/v1/drains/drain-1', '{"paused":true}'],
    ['DELETE', '/v1/nodes/n2/drain', ''],
    ['POST', '/v1/drains/drain-2', '{"plan":"1m"}'],
  ])
})

it('a drain in JSON is a line for each change, and nothing else', async () => {
  const over = { ...RUNNING, state: 'done', endedAt: 5 }
  const { url } = await fakeGateway(({ path }) =>
    path === '/v1/drains' ? { status: 200, body: { jobs: [RUNNING] } } : { status: 200, body: { job: over } },
  )
  const { code, out, err } = await run(['drain', '--watch', '--json', '--url', url])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.split('\n').map((line) => (JSON.parse(line) as { state: string }).state)).toEqual(['done'])
  const report = await run(['report', '--json', '--url', url])
  expect(JSON.parse(report.out)).toMatchObject({ id: 'drain-1', endedAt: 5 })
  expect((await run(['drains', '--url', url])).out).toMatch(/^drain-1 +running +node n1 +ops +1970-01-01T/m)
})

describe('config check warns of a key set', () => {
  const JWKS = {
    SLUICE_JWKS_URL: 'https://id.example.com/jwks',
    SLUICE_API_KEYS: 'shop:publish:0123456789abcdef',
  }
  const check = (auth: string): ReturnType<typeof run> => {
    const file = configFile(`auth: {${auth}}\n`)
    return run(['config', 'check', file], JWKS)
  }

  it.each([
    ['', 1],
    ['types: [at+jwt]', 1],
    ['types: [sluice+jwt]', 0],
    ['audience: [sluice]', 0],
  ])('with {%s}: %i', async (auth, count) => {
    const { code, out, err } = await check(auth)
    expect(code).toBe(0)
    expect(out).toContain('the configuration is good')
    expect(err.match(/^warning: auth\.jwksUrl is set without auth\.audience/gm) ?? []).toHaveLength(count)
  })
})

describe('config check names what only a start would find', () => {
  it.each([
    [{ SLUICE_JWT_PUBLIC_KEY: 'x' }, /auth\.jwtPublicKey must be a PEM text/],
    [
      {
        SLUICE_NATS_URL: 'nats://n:4222',
        SLUICE_REDIS_URL: 'sentinel://s:26379',
        SLUICE_CLUSTER_SECRET: 'x'.repeat(32),
      },
      /a sentinel:\/\/ URL ends with the name of the master/,
    ],
    [{ SLUICE_API_KEYS: 'a:root:0123456789abcdef' }, /api\.keys\[0\] \(a\) has a scope that does not exist/],
    [
      { SLUICE_API_KEYS: 'a:admin:0123456789abcdef,a:admin:0123456789abcdee' },
      /api\.keys has two entries named a/,
    ],
    [
      { SLUICE_NATS_CREDS_FILE: '/nowhere.creds' },
      /nats\.credsFile is "\/nowhere\.creds", which cannot be read/,
    ],
    [
      { SLUICE_NATS_CREDS_FILE: 'package.json' },
      /nats\.credsFile is "package\.json", which does not hold a user JWT/,
    ],
    [
      { SLUICE_NATS_NKEY_FILE: 'package.json' },
      /nats\.nkeyFile is "package\.json", which does not hold the seed/,
    ],
    [
      {
        SLUICE_NATS_URL: 'nats://user:word@n:4222',
        SLUICE_REDIS_URL: 'redis://r',
        SLUICE_CLUSTER_SECRET: 'x'.repeat(32),
        SLUICE_NATS_CREDS_FILE: 'package.json',
        SLUICE_NATS_NKEY_FILE: 'package.json',
      },
      /nats\.credsFile and nats\.nkeyFile and the credentials in nats\.url are set/,
    ],
  ])('%j', async (more, complaint) => {
    const env = {
      SLUICE_JWT_SECRET: 'x'.repeat(32),
      SLUICE_API_KEYS: 'shop:publish:0123456789abcdef',
      ...more,
    }
    const { code, err } = await run(['config', 'check'], env)
    expect(code).toBe(2)
    expect(err).toMatch(complaint)
  })

  it.each([
    [
      { redis: { tls: { caFile: '/nowhere.pem' } } },
      /redis\.tls\.caFile is "\/nowhere\.pem", which cannot be read/,
    ],
    [
      { nats: { tls: { caFile: 'package.json' } } },
      /nats\.tls\.caFile cannot be used: it has no certificate in PEM/,
    ],
    [{ nats: { tls: { certFile: 'package.json' } } }, /nats\.tls has one of certFile and keyFile/],
    [
      { api: { tls: { certFile: 'package.json', keyFile: 'package.json' } } },
      /api\.tls\.certFile and api\.tls\.keyFile cannot be used/,
    ],
  ])('of TLS in each section: %j', async (settings, complaint) => {
    const env = { SLUICE_JWT_SECRET: 'x'.repeat(32), SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' }
    const { code, err } = await run(['config', 'check', configFile(JSON.stringify(settings))], env)
    expect(code).toBe(2)
    expect(err).toMatch(complaint)
  })

  it('files that are not there, or are no certificate', async () => {
    const env = { SLUICE_JWT_SECRET: 'x'.repeat(32), SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' }
    const missing = configFile(JSON.stringify({ tls: { certFile: '/nowhere.pem', keyFile: 'package.json' } }))
    expect((await run(['config', 'check', missing], env)).err).toMatch(
      /tls\.certFile is "\/nowhere\.pem", which cannot be read/,
    )
    const wrong = configFile(JSON.stringify({ tls: { certFile: 'package.json', keyFile: 'package.json' } }))
    expect((await run(['config', 'check', wrong], env)).err).toMatch(
      /tls\.certFile and tls\.keyFile cannot be used/,
    )
  })

  it('a certificate that is not for the name under which it is to be shown', async () => {
    const ca = new CertificateAuthority()
    onTestFinished(() => ca.remove())
    const own = ca.issue('own')
    const env = { SLUICE_JWT_SECRET: 'x'.repeat(32), SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' }
    const check = async (names: object): Promise<string> =>
      (await run(['config', 'check', configFile(JSON.stringify({ tls: { ...own, names } }))], env)).err
    const one = ca.issue('one', 'DNS:one.example')
    expect(await check({ 'two.example': one })).toMatch(
      /tls\.names\."two\.example"\.certFile and .* cannot be used: the certificate is not for two\.example, but for DNS:one\.example/,
    )
    const half = { certFile: one.certFile, keyFile: own.keyFile }
    expect(await check({ 'one.example': half })).toMatch(/"one\.example"\.keyFile cannot be used: .*mismatch/)
    expect(await check({ 'one.example': one, '*.two.example': ca.issue('any', 'DNS:*.two.example') })).toBe(
      '',
    )
  })
})

describe('a misuse is one line and the exit code 2', () => {
  it.each([
    [['pubish'], "sluice: unknown command 'pubish' (Did you mean publish?)"],
    [['serve', '--prot', '1'], "sluice: unknown option '--prot' (Did you mean --port?)"],
    [['serve', '--port'], "sluice: option '--port <value>' argument missing"],
    [['tail'], "sluice: missing required argument 'channel'"],
    [
      ['drain', 'n1', '--pause', '--cancel'],
      'sluice: --pause and --cancel do not go together: one of them at a time',
    ],
    [
      ['drain', 'n1', '--pause', '--resume', '--now'],
      'sluice: --pause and --resume and --now do not go together: one of them at a time',
    ],
    [['drain', 'n1', '--cancel', '--over', '5m'], 'sluice: --cancel takes no pace'],
    [['drain', 'n1', '--cancel', '--fast'], 'sluice: --cancel takes no pace'],
    [
      ['drain', 'n1', '--fast', '--over', '5m'],
      'sluice: --fast is a pace: it does not go with --batch and --every, or --over',
    ],
    [
      ['drain', 'n1', '--to', 'eu', '--pause'],
      'sluice: --to begins a drain: it does not go with --pause, --resume or --cancel',
    ],
    [['config', 'chek'], "sluice: unknown command 'chek' (Did you mean check?)"],
    [['serve', '--workers', '0'], 'sluice: --workers is "0"; allowed: a whole number from 1 to 256'],
    [
      ['serve', '--workers', '2'],
      'sluice: --workers needs a cluster, or a message would reach the clients of one worker only: set nats.url and redis.url',
    ],
    [['dev', '--port', '80a'], 'sluice: port (--port) is "80a"; allowed: a whole number from 0 to 65535'],
    [
      ['dev', '--config', '/nowhere'],
      'sluice: the configuration file /nowhere (--config) cannot be read: there is no such file',
    ],
  ])('%j', async (words, complaint) => {
    const env = { SLUICE_JWT_SECRET: 'x'.repeat(32), SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' }
    expect(await run(words, env)).toEqual({ code: 2, out: '', err: complaint })
  })

  it('serve without anything names what is missing', async () => {
    const { code, err } = await run(['serve'])
    expect(code).toBe(2)
    expect(err).toMatch(/^sluice: there is nothing to check tokens with: [^\n]+$/)
  })

  it('nothing at all shows the help', async () => {
    const { code, err } = await run([])
    expect(code).toBe(2)
    expect(err).toContain('Usage: sluice')
  })
})

describe('config', () => {
  const env = { SLUICE_JWT_SECRET: 'hunter2-hunter2', SLUICE_API_KEYS: 'shop:publish:0123456789abcdef' }

  it('check says that a good configuration is good', async () => {
    expect(
      await run(['config', 'check', configFile('port: 9000')], { ...env, SLUICE_JWT_SECRET: 'x'.repeat(32) }),
    ).toEqual({
      code: 0,
      out: 'the configuration is good',
      err: '',
    })
  })

  it('check lists everything that is wrong, one line each', async () => {
    const file = configFile('prot: 1\nlimits: {frame: big}\n')
    const { code, out, err } = await run(['config', 'check', file], { ...env, SLUICE_ROLE: 'x' })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^node\.role \(SLUICE_ROLE\) is "x"; allowed: all, edge or api$/),
      expect.stringMatching(/^limits\.frame .*yaml:2\) is "big"; allowed: /),
      expect.stringMatching(/^prot .*yaml:1\) is not an option; did you mean port\? /),
      'sluice: the configuration cannot be used: 3 things are wrong',
    ])
  })

  it('check takes the file of SLUICE_CONFIG, and --dev the rules of sluice dev', async () => {
    const SLUICE_CONFIG = configFile('allowedOrigins: ["*"]')
    expect((await run(['config', 'check'], { ...env, SLUICE_CONFIG })).code).toBe(2)
    expect((await run(['config', 'check', '--dev'], { ...env, SLUICE_CONFIG })).code).toBe(0)
  })

  it('show prints each value with its origin, and no secret', async () => {
    const file = configFile('port: 9000')
    const { code, out } = await run(['config', 'show', file], env)
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^port +9000 +${file}:1$`, 'm'))
    expect(out).toMatch(/^auth\.jwtSecret +\(hidden\) +SLUICE_JWT_SECRET$/m)
    expect(out).not.toContain('hunter2')
  })

  it('schema prints the JSON Schema', async () => {
    const { code, out } = await run(['config', 'schema'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ type: 'object', properties: { port: { type: 'integer' } } })
  })
})

it('what a terminal throws does not end with a stack trace', async () => {
  const terminal = new FakeTerminal()
  terminal.print = () => {
    throw new Error('the terminal\n   is gone')
  }
  expect(await main(['config', 'schema'], terminal)).toBe(1)
  expect(terminal.told).toEqual(['sluice: the terminal is gone'])
})
