/** What an overlay of deploy/kubernetes comes to, by `kubectl kustomize`, which asks no cluster; and its form, by the types of Kubernetes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { programOr, type Program } from './program.ts'
import { temporaryDirectory } from './server-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Overlays are put together by what kubectl has had since 1.27; Debian 12 has an older one. */
const KUSTOMIZE_MAJOR_MIN = 5

/** Or why it cannot be used. */
export function usableKubectl(): Program {
  const found = programOr('kubectl', 'https://kubernetes.io/docs/tasks/tools')
  if (found.missing !== undefined) return found
  const said = execFileSync('kubectl', ['version', '--client'], { encoding: 'utf8', stdio: 'pipe' })
  const [, major = '0'] = /Kustomize Version: v(\d+)/.exec(said) ?? []
  if (Number(major) >= KUSTOMIZE_MAJOR_MIN) return found
  const missing = 'kubectl is older than 1.27; see https://kubernetes.io/docs/tasks/tools'
  return { missing, note: ` (skipped: ${missing})` }
}

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: unknown
  readonly data?: Readonly<Record<string, string>>
}

export function manifestsOf(overlay: string): Manifest[] {
  const folder = join(ROOT, 'deploy/kubernetes', overlay)
  return manifestsIn(execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8', stdio: 'pipe' }))
}

export function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest)
}

/** Kinds of Kubernetes itself; those of operators have no types here. */
function isOwn({ apiVersion }: Manifest): boolean {
  return !apiVersion.split('/')[0]?.includes('.') || apiVersion.includes('.k8s.io/')
}

/** `apps/v1` and `rbac.authorization.k8s.io/v1` are in files that are named by the first label. */
function typeOf({ apiVersion, kind }: Manifest): string {
  const path = apiVersion === 'v1' ? 'core/v1' : apiVersion.replace(/\.[a-z0-9.]*/, '')
  return `import('kubernetes-types/${path}').${kind}`
}

/**
 * Fields that are not there, are missing or are of another type, as the compiler says it: an object that is written down may have no
 * field that its type has not.
 */
export function formFaults(manifests: readonly Manifest[]): string {
  const directory = temporaryDirectory('manifests')
  const source = manifests
    .filter(isOwn)
    .map(
      (one) =>
        `export const ${one.kind}_${one.metadata.name.replaceAll('-', '_')}: ${typeOf(one)} = ${JSON.stringify(one, null, 1)}`,
    )
  writeFileSync(join(directory.path, 'manifests.ts'), source.join('\n'))
  writeFileSync(
    join(directory.path, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        ...{
          strict: true,
          noEmit: true,
          skipLibCheck: true,
          module: 'preserve',
          moduleResolution: 'bundler',
          types: [],
        },
        paths: { 'kubernetes-types/*': [`${ROOT}node_modules/kubernetes-types/*`] },
      },
      files: ['manifests.ts'],
    }),
  )
  const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', directory.path], {
    encoding: 'utf8',
  })
  directory.remove()
  return stdout + stderr
}
