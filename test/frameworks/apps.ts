/**
 * The token endpoints of docs/guides/authentication.md, each in an application of its framework. The snippet stands there as it is, but for
 * the port, and for the login that it leaves to its reader: whoever has the cookie `user=17` is user 17 of the team red.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ROOT } from '../support/installed-packages.ts'
import { shell } from '../support/shell.ts'

export interface App {
  readonly name: string
  /** Of the snippet. */
  readonly snippet: string
  /** Pinned where a registry has it: the guide says these. */
  readonly version: string | undefined
  /** Writes and installs it into the folder; answers the command that serves it, and what that prints when it does. */
  readonly prepare: (
    folder: string,
    snippet: string,
    port: number,
  ) => Promise<{ readonly command: string; readonly ready: string }>
}

const HOST = '127.0.0.1'
const { devDependencies, dependencies } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const JOSE = `jose@${dependencies['jose']}`

const EXPRESS = '5.3.0'
const FASTIFY = '5.12.8'
const NEXT = '16.4.6'
const FASTAPI = '0.165.0'

export const APPS: readonly App[] = [
  {
    name: 'Express',
    snippet: 'express',
    version: EXPRESS,
    async prepare(folder, snippet, port) {
      const login = `app.use((request, _, next) => {
  if (request.headers.cookie === 'user=17') request.session = { user: { id: 17, team: 'red' } }
  next()
})`
      write(folder, {
        'package.json': '{"private":true}',
        'app.mjs': swap(snippet, [
          [/^\/\/ Your login goes here.*$/m, login],
          ['app.listen(3000)', `app.listen(${port}, '${HOST}', () => console.log('serves'))`],
        ]),
      })
      await npm(folder, `express@${EXPRESS}`, JOSE)
      return { command: 'exec node app.mjs', ready: 'serves' }
    },
  },
  {
    name: 'Fastify',
    snippet: 'fastify',
    version: FASTIFY,
    async prepare(folder, snippet, port) {
      const login = `app.addHook('onRequest', async (request) => {
  if (request.headers.cookie === 'user=17') request.session = { user: { id: 17, team: 'red' } }
})`
      write(folder, {
        'package.json': '{"private":true}',
        'app.mjs': swap(snippet, [
          [/^\/\/ Your login goes here.*$/m, login],
          [
            'await app.listen({ port: 3000 })',
            `await app.listen({ port: ${port}, host: '${HOST}' })\nconsole.log('serves')`,
          ],
        ]),
      })
      await npm(folder, `fastify@${FASTIFY}`, JOSE)
      return { command: 'exec node app.mjs', ready: 'serves' }
    },
  },
  {
    name: 'Next.js',
    snippet: 'next',
    version: NEXT,
    async prepare(folder, snippet, port) {
      write(folder, {
        'package.json': '{"private":true}',
        'jsconfig.json': '{"compilerOptions":{"paths":{"@/*":["./*"]}}}',
        'app/realtime-token/route.js': snippet,
        'lib/session.js': `import { cookies } from 'next/headers'
export async function currentUser() {
  if ((await cookies()).get('user')?.value === '17') return { id: 17, team: 'red' }
}
`,
      })
      const react = ['react', 'react-dom'].map((name) => `${name}@${devDependencies[name]}`)
      await npm(folder, `next@${NEXT}`, ...react, JOSE)
      await run('node node_modules/next/dist/bin/next build', folder, { NEXT_TELEMETRY_DISABLED: '1' })
      const command = `NEXT_TELEMETRY_DISABLED=1 exec node node_modules/next/dist/bin/next start -H ${HOST} -p ${port}`
      return { command, ready: 'Ready in' }
    },
  },
  {
    name: 'FastAPI',
    snippet: 'fastapi',
    version: FASTAPI,
    async prepare(folder, snippet, port) {
      const user = `from fastapi import Cookie
class User:
    id, team = 17, "red"
def current_user(user: str = Cookie(default="")):
    return User() if user == "17" else None
`
      write(folder, {
        'endpoint.py': swap(snippet, [[/^def current_user\(\):.*\n {4}return None\n/m, user]]),
      })
      await run(`python3 -m venv python && python/bin/pip install -q fastapi==${FASTAPI} uvicorn`, folder)
      const command = `exec python/bin/uvicorn endpoint:app --host ${HOST} --port ${port}`
      return { command, ready: 'Uvicorn running' }
    },
  },
  {
    name: 'Laravel',
    snippet: 'laravel',
    version: undefined,
    async prepare(folder, snippet, port) {
      write(folder, { ...LARAVEL, 'routes/web.php': snippet })
      for (const empty of ['bootstrap/cache', 'storage/framework/views'])
        mkdirSync(join(folder, empty), { recursive: true })
      return { command: `exec php -S ${HOST}:${port} index.php`, ready: 'started' }
    },
  },
  {
    name: 'Go',
    snippet: 'go',
    version: undefined,
    async prepare(folder, snippet, port) {
      write(folder, {
        'endpoint.go': swap(snippet, [
          [
            'http.ListenAndServe(":3000", nil)',
            `println("serves"); http.ListenAndServe("${HOST}:${port}", nil)`,
          ],
        ]),
        'user.go': `package main
import "net/http"
func init() {
	currentUser = func(request *http.Request) *User {
		if cookie, err := request.Cookie("user"); err != nil || cookie.Value != "17" { return nil }
		return &User{"17", "red"}
	}
}
`,
      })
      await run('go build -o endpoint endpoint.go user.go', folder)
      return { command: 'exec ./endpoint', ready: 'serves' }
    },
  },
]

/** What `laravel new` writes, as far as one route needs it. Debian's package, since it is there without Packagist. */
const LARAVEL: Readonly<Record<string, string>> = {
  'index.php': `<?php
require 'Illuminate/autoload.php';
use Illuminate\\Foundation\\{Application, Exceptions\\Handler, Http\\Kernel};
$app = new Application(__DIR__);
file_put_contents('php://stderr', 'Laravel ' . $app->version() . "\\n");
$app->singleton(Illuminate\\Contracts\\Http\\Kernel::class, Kernel::class);
$app->singleton(Illuminate\\Contracts\\Debug\\ExceptionHandler::class, Handler::class);
$app->booted(function () {
    Illuminate\\Support\\Facades\\Auth::viaRequest('cookie', fn ($request) => $request->cookie('user') === '17'
        ? new Illuminate\\Auth\\GenericUser(['id' => 17, 'team' => 'red'])
        : null);
    require __DIR__ . '/routes/web.php';
});
$kernel = $app->make(Illuminate\\Contracts\\Http\\Kernel::class);
$request = Illuminate\\Http\\Request::capture();
$response = $kernel->handle($request);
$response->send();
$kernel->terminate($request, $response);
`,
  'config/app.php': `<?php
use Illuminate\\{Auth\\AuthServiceProvider, Cookie\\CookieServiceProvider, Encryption\\EncryptionServiceProvider};
use Illuminate\\{Filesystem\\FilesystemServiceProvider, Foundation\\Providers\\FoundationServiceProvider};
use Illuminate\\{Translation\\TranslationServiceProvider, View\\ViewServiceProvider};
return [
    'env' => 'production', 'debug' => false, 'timezone' => 'UTC', 'locale' => 'en', 'fallback_locale' => 'en',
    'key' => str_repeat('k', 32), 'cipher' => 'AES-256-CBC', 'aliases' => [],
    'providers' => [
        AuthServiceProvider::class, CookieServiceProvider::class, EncryptionServiceProvider::class,
        FilesystemServiceProvider::class, FoundationServiceProvider::class, TranslationServiceProvider::class,
        ViewServiceProvider::class,
    ],
];
`,
  'config/auth.php': `<?php return ['defaults' => ['guard' => 'web'], 'guards' => ['web' => ['driver' => 'cookie']]];`,
  'config/logging.php': `<?php return ['default' => 'all', 'channels' => ['all' => ['driver' => 'errorlog']]];`,
  'config/view.php': `<?php return ['paths' => [], 'compiled' => __DIR__ . '/../storage/framework/views'];`,
  'config/services.php': `<?php return ['sluice' => ['secret' => env('SLUICE_JWT_SECRET')]];`,
}

function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

/** A snippet that says it otherwise meanwhile is not taken for one that ran. */
function swap(snippet: string, swaps: readonly (readonly [string | RegExp, string])[]): string {
  return swaps.reduce((text, [from, to]) => {
    const swapped = text.replace(from, () => to)
    if (swapped === text) throw new Error(`the snippet has no ${String(from)}`)
    return swapped
  }, snippet)
}

const npm = (folder: string, ...packages: readonly string[]): Promise<void> =>
  run(`npm install --no-audit --no-fund --prefer-offline ${packages.join(' ')}`, folder)

async function run(command: string, folder: string, env: Record<string, string> = {}): Promise<void> {
  const { code, out, err } = await shell(command, env, folder)
  if (code !== 0) throw new Error(`${command} ended with ${String(code)}\n${out}\n${err}`)
}
