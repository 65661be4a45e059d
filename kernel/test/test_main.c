// SPDX-License-Identifier: MIT
// All host tests of the kernel core, in one world. The random calls add a second CPU, so what wants
// one only comes before them. The root task ends last.
int basic_tests(void);
int ipc_tests(void);
int attack_tests(void);
int parts_tests(void);
int rebirth_tests(void);
int kept_tests(void);
int random_tests(void);
int root_tests(void);

int main(void)
{
    return basic_tests() + ipc_tests() + attack_tests() + parts_tests() + rebirth_tests() +
           kept_tests() + random_tests() + root_tests();
}
