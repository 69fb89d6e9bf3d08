/*
 * main.h: the verbs of the command line. One function and one file each; the table is in main.c.
 *
 * argv[0] is the verb's name. The result is the process's exit status, EXIT_… of cli.h.
 */
#pragma once

int main_account(int argc, char **argv);
int main_alias(int argc, char **argv);
int main_allow(int argc, char **argv);
int main_block(int argc, char **argv);
int main_scan(int argc, char **argv);
int main_auth(int argc, char **argv);
int main_check(int argc, char **argv);
int main_dkim_key(int argc, char **argv);
int main_dns(int argc, char **argv);
int main_domain(int argc, char **argv);
int main_init(int argc, char **argv);
int main_quarantine(int argc, char **argv);
int main_role(int argc, char **argv);
int main_serve(int argc, char **argv);
int main_stats(int argc, char **argv);
int main_verify(int argc, char **argv);
int main_why(int argc, char **argv);
