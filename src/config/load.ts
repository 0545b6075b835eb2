/** Reading the configuration: all of it judged at once, or loaded whole. */
import { stat } from 'node:fs/promises';
import { compile } from '#config/compile.ts';
import { type ConfigPlace, findConfigFile } from '#config/find.ts';
import { addWarning, formatIssues, newReport, type Report, sortIssues } from '#config/issues.ts';
import type { SecretFile } from '#config/section.ts';
import type { Config, ConfigIssue } from '#config/types.ts';
import { readWritten } from '#config/written.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';

export interface LoadOptions extends ConfigPlace {
  catalog: PluginCatalog;
}

export interface CheckedConfig {
  /** The main file's absolute path. */
  file: string;
  /** Null when there are errors. */
  config: Config | null;
  /** What holds, in the words of the file, with all defaults and without secrets; for `config show` and `config get`. */
  effective: JsonObject;
  errors: ConfigIssue[];
  warnings: ConfigIssue[];
}

/**
 * Finds everything that is wrong or odd, without stopping at the first.
 * @throws HA_CONFIG_UNREADABLE when there is no file to judge.
 */
export async function checkConfig(options: LoadOptions): Promise<CheckedConfig> {
  const source = await findConfigFile(options);
  const report = newReport();
  const written = await readWritten(source, { env: options.env, report });
  const compiled = compile(source.file, written, { catalog: options.catalog, report });
  for (const secret of compiled.secretFiles) await checkPermissions(secret, report);
  const errors = sortIssues(report.errors);
  const warnings = sortIssues(report.warnings);
  const config = errors.length === 0 ? { ...compiled.config, warnings } : null;
  return { file: source.file, config, effective: compiled.effective, errors, warnings };
}

/**
 * The configuration, ready for use; its warnings are in it.
 * @throws HA_CONFIG_UNREADABLE, or HA_CONFIG_INVALID with every error in the message.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const { config, errors } = await checkConfig(options);
  if (config !== null) return config;
  const count = errors.length === 1 ? 'an error' : `${errors.length} errors`;
  throw new AutopilotError(
    'HA_CONFIG_INVALID',
    `the configuration has ${count}\n\n${formatIssues(errors, options.cwd)}`,
    { next: 'Correct the file, then check it with  homelab-autopilot config validate' },
  );
}

/** A secret that others can read is one no longer. A file that is not here may be on the host that needs it. */
async function checkPermissions({ file, at, path }: SecretFile, report: Report): Promise<void> {
  const mode = await modeOf(file ?? at.file);
  if (mode === undefined) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  if (file !== undefined && (mode & 0o077) !== 0) {
    addWarning(report, { at, path, message: `others can read ${file} (mode ${octal}); run  chmod 600 ${file}` });
  }
  if (file === undefined && (mode & 0o004) !== 0) {
    const message = `everybody can read this secret (${at.file} has mode ${octal}); run  chmod o-r ${at.file}`;
    addWarning(report, { at, path, message });
  }
}

async function modeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mode;
  } catch {
    return undefined;
  }
}
