import type { SecretStorage } from "vscode";

/** Who offers models, and the environment variables that the server reads their key from. */
export const PROVIDERS = [
  { id: "anthropic", label: "Anthropic", models: "Claude", variables: ["ANTHROPIC_API_KEY"] },
  { id: "gemini", label: "Google", models: "Gemini", variables: ["GEMINI_API_KEY", "GOOGLE_API_KEY"] },
] as const;

export type Provider = (typeof PROVIDERS)[number];

export function secretName(provider: Provider): string {
  return `otpGenesis.key.${provider.id}`;
}

/** Whether the server gets a key of theirs. */
export async function hasKey(secrets: SecretStorage, provider: Provider): Promise<boolean> {
  const inherited = provider.variables.some((name) => process.env[name]);
  return inherited || Boolean(await secrets.get(secretName(provider)));
}

/**
 * The editor's environment, with the keys of the secret store. In a folder that is not trusted without any key:
 * nothing that it holds shall be able to have one used.
 */
export async function serverEnvironment(
  secrets: SecretStorage,
  trusted: boolean,
): Promise<NodeJS.ProcessEnv> {
  const variables = { ...process.env };
  for (const provider of PROVIDERS) {
    if (!trusted) for (const name of provider.variables) delete variables[name];
    const key = trusted && (await secrets.get(secretName(provider)));
    if (key) variables[provider.variables[0]] = key;
  }
  return variables;
}
