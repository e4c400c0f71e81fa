/** What an overlay of deploy/kubernetes comes to, by `kubectl kustomize`, which asks no cluster; and its form, by the types of Kubernetes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { temporaryDirectory } from './server-process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

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

/** `apps/v1` and `networking.k8s.io/v1` are in files that are named without the domain. */
function typeOf({ apiVersion, kind }: Manifest): string {
  const path = apiVersion === 'v1' ? 'core/v1' : apiVersion.replace('.k8s.io', '')
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
