// SPDX-License-Identifier: MIT
// All host tests of the kernel core, in one world. The random calls come last: they add a second CPU.
int basic_tests(void);
int ipc_tests(void);
int attack_tests(void);
int parts_tests(void);
int rebirth_tests(void);
int random_tests(void);

int main(void)
{
    return basic_tests() + ipc_tests() + attack_tests() + parts_tests() + rebirth_tests() +
           random_tests();
}
